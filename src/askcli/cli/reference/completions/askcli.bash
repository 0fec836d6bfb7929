# bash completion for askcli: put it where bash-completion looks, or source it.
_askcli_words() {
    local word
    for word in "$@"; do [[ $word == "$current"* ]] && COMPREPLY+=("$word"); done
}
_askcli_cached() {
    local line words file="${XDG_CACHE_HOME:-$HOME/.cache}/askcli/completion/$1"
    local -a shown
    [[ -r $file ]] || return
    while IFS=$'\t' read -r line words; do
        [[ $line == "$current"* ]] || continue
        COMPREPLY+=("${line#"$cut"}")
        shown+=("$line${words:+  $words}")
    done < "$file"
    # When bash lists several, their words say which is which; what it inserts is their common part.
    if [[ $COMP_TYPE == 63 && ${#COMPREPLY[@]} -gt 1 ]]; then COMPREPLY=("${shown[@]}"); fi
}
_askcli() {
    local current=${COMP_WORDS[COMP_CWORD]} before cut= path=askcli i=$COMP_CWORD
    COMPREPLY=()
    # bash splits words at : and =, and inserts what comes after them.
    while [[ i -gt 1 && (${COMP_WORDS[i]} == : || ${COMP_WORDS[i - 1]} == :) ]]; do
        current=${COMP_WORDS[--i]}$current cut=${current%"${current##*:}"}
    done
    before=${COMP_WORDS[i - 1]}
    if [[ $current == "=" ]]; then current=
    elif [[ $before == "=" ]]; then before=${COMP_WORDS[i - 2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${COMP_WORDS[i]}" in
        "askcli ask"|"askcli chat"|"askcli batch"|"askcli register"|"askcli login"|"askcli logout"|"askcli passwd"|"askcli whoami"|"askcli usage"|"askcli status"|"askcli help"|"askcli completion"|"askcli openapi"|"askcli serve"|"askcli migrate"|"askcli audit"|"askcli history"|"askcli history list"|"askcli history search"|"askcli history show"|"askcli history export"|"askcli history delete"|"askcli history import"|"askcli conversations"|"askcli conversations list"|"askcli conversations show"|"askcli conversations rename"|"askcli conversations delete"|"askcli conversations export"|"askcli token"|"askcli token create"|"askcli token list"|"askcli token revoke"|"askcli models"|"askcli models list"|"askcli models pull"|"askcli config"|"askcli config get"|"askcli config set"|"askcli config unset"|"askcli config path"|"askcli store"|"askcli store copy"|"askcli store backup"|"askcli store restore"|"askcli users"|"askcli users list"|"askcli users show"|"askcli users disable"|"askcli users enable"|"askcli users delete"|"askcli users reset-password"|"askcli users export"|"askcli users quota"|"askcli users retention"|"askcli invite"|"askcli invite create"|"askcli invite list"|"askcli invite revoke"|"askcli help exit-codes"|"askcli help ids"|"askcli help times"|"askcli help settings"|"askcli help json"|"askcli help ask"|"askcli help chat"|"askcli help batch"|"askcli help register"|"askcli help login"|"askcli help logout"|"askcli help passwd"|"askcli help whoami"|"askcli help usage"|"askcli help status"|"askcli help help"|"askcli help completion"|"askcli help openapi"|"askcli help serve"|"askcli help migrate"|"askcli help audit"|"askcli help history"|"askcli help history list"|"askcli help history search"|"askcli help history show"|"askcli help history export"|"askcli help history delete"|"askcli help history import"|"askcli help conversations"|"askcli help conversations list"|"askcli help conversations show"|"askcli help conversations rename"|"askcli help conversations delete"|"askcli help conversations export"|"askcli help token"|"askcli help token create"|"askcli help token list"|"askcli help token revoke"|"askcli help models"|"askcli help models list"|"askcli help models pull"|"askcli help config"|"askcli help config get"|"askcli help config set"|"askcli help config unset"|"askcli help config path"|"askcli help store"|"askcli help store copy"|"askcli help store backup"|"askcli help store restore"|"askcli help users"|"askcli help users list"|"askcli help users show"|"askcli help users disable"|"askcli help users enable"|"askcli help users delete"|"askcli help users reset-password"|"askcli help users export"|"askcli help users quota"|"askcli help users retention"|"askcli help invite"|"askcli help invite create"|"askcli help invite list"|"askcli help invite revoke") path="$path ${COMP_WORDS[i]}" ;;
        esac
    done
    case "$path $before" in
        "askcli history export --format") { _askcli_words json jsonl csv markdown; return; } ;;
        "askcli history import --from") { _askcli_words llm mods jsonl; return; } ;;
        "askcli conversations export --format") { _askcli_words markdown json html; return; } ;;
        *" --model"|*" -m") { _askcli_cached models; return; } ;;
        *" --conversation") { _askcli_cached conversations; return; } ;;
        *" --rejoin"|*" --retry") [[ $current == -* ]] || { _askcli_cached ids; return; } ;;
        *" --profile") { _askcli_cached profiles; return; } ;;
        *" --concurrency"|*" --days"|*" --email"|*" --event"|*" --failures"|*" --file"|*" --format"|*" --from"|*" --host"|*" --invite"|*" --limit"|*" --max-tokens"|*" --name"|*" --note"|*" --older-than"|*" --output"|*" --port"|*" --run"|*" --scope"|*" --server"|*" --session"|*" --since"|*" --system"|*" --timeout"|*" --to"|*" --tokens-day"|*" --tokens-month"|*" --until"|*" --usd-day"|*" --usd-month"|*" --user"|*" --uses"|*" --workers"|*" -f"|*" -j"|*" -n"|*" -o"|*" -s") { compopt -o default; return; } ;;
    esac
    case "$path" in
        "askcli") _askcli_words ask chat batch register login logout passwd whoami usage status help completion openapi serve migrate audit history conversations token models config store users invite --debug --version --help ;;
        "askcli ask") compopt -o default; _askcli_words --file -f --system -s --model -m --continue -c --conversation --max-tokens --rejoin --retry --edit -e --no-stdin --json --ndjson --raw --code -x --all-code --output -o --copy --open --quiet -q --server --profile --timeout --help ;;
        "askcli chat") _askcli_words --continue -c --last --conversation --resume --file -f --system -s --model -m --max-tokens --vi --quiet -q --server --profile --timeout --help ;;
        "askcli batch") compopt -o default; [[ $current == -* ]] && _askcli_words --concurrency -j --model -m --system -s --run --failures --quiet -q --server --profile --timeout --help ;;
        "askcli register") _askcli_words --name --email --invite --password-stdin --json --server --profile --help ;;
        "askcli login") _askcli_words --email --password-stdin --with-token --json --server --profile --help ;;
        "askcli logout") _askcli_words --all --session --server --profile --help ;;
        "askcli passwd") _askcli_words --password-stdin --keep-tokens --server --profile --help ;;
        "askcli whoami") _askcli_words --sessions --json --server --profile --help ;;
        "askcli usage") _askcli_words --since --until --json --server --profile --help ;;
        "askcli status") _askcli_words --json --server --profile --help ;;
        "askcli help") _askcli_words exit-codes ids times settings json ask chat batch register login logout passwd whoami usage status help completion openapi serve migrate audit history conversations token models config store users invite --help ;;
        "askcli completion") _askcli_words bash zsh fish --help ;;
        "askcli openapi") _askcli_words --server --profile --help ;;
        "askcli serve") _askcli_words --host --port --workers --stop --help ;;
        "askcli migrate") _askcli_words --check --help ;;
        "askcli audit") _askcli_words --user --event --limit -n --json --help ;;
        "askcli history") _askcli_words list search show export delete import --limit -n --conversation --since --until --json --server --profile --help ;;
        "askcli history list") _askcli_words --limit -n --conversation --since --until --json --server --profile --help ;;
        "askcli history search") compopt -o default; _askcli_words --limit -n --conversation --since --until --json --server --profile --help ;;
        "askcli history show") _askcli_cached ids; _askcli_words --conversation --json --code -x --all-code --output -o --copy --open --server --profile --help ;;
        "askcli history export") _askcli_words --format --conversation --since --until --output -o --server --profile --help ;;
        "askcli history delete") _askcli_cached ids; _askcli_words --older-than --yes --json --server --profile --help ;;
        "askcli history import") compopt -o default; [[ $current == -* ]] && _askcli_words --from --json --server --profile --help ;;
        "askcli conversations") _askcli_words list show rename delete export --limit -n --since --until --json --server --profile --help ;;
        "askcli conversations list") _askcli_words --limit -n --since --until --json --server --profile --help ;;
        "askcli conversations show") _askcli_cached conversations; _askcli_words --json --server --profile --help ;;
        "askcli conversations rename") _askcli_cached conversations; _askcli_words --json --server --profile --help ;;
        "askcli conversations delete") _askcli_cached conversations; _askcli_words --yes --json --server --profile --help ;;
        "askcli conversations export") _askcli_cached conversations; _askcli_words --format --since --until --output -o --server --profile --help ;;
        "askcli token") _askcli_words create list revoke --help ;;
        "askcli token create") compopt -o default; _askcli_words --scope --days --json --server --profile --help ;;
        "askcli token list") _askcli_words --json --server --profile --help ;;
        "askcli token revoke") compopt -o default; _askcli_words --server --profile --help ;;
        "askcli models") _askcli_words list pull --json --server --profile --help ;;
        "askcli models list") _askcli_words --json --server --profile --help ;;
        "askcli models pull") _askcli_words qwen2.5-coder-1.5b smollm2-135m --help ;;
        "askcli config") _askcli_words get set unset path --json --help ;;
        "askcli config get") _askcli_words jwt_secret jwt_secret_previous anthropic_api_key anthropic_base_url db_conn_string copy_to database_connections host port answerer model local_model script access_token_seconds refresh_token_days refresh_grace_seconds registration allowed_hosts allowed_origins trusted_proxies login_limit account_limit address_limit register_limit refresh_limit quota_tokens_day quota_tokens_month quota_usd_day quota_usd_month retention_days audit_days server profile token timeout editing_mode idle_seconds connect_seconds first_token_seconds between_tokens_seconds answer_seconds upstream_attempts max_running max_waiting orphan_seconds leave_seconds drain_seconds log log_level config_dir data_dir --json --help ;;
        "askcli config set") _askcli_words jwt_secret jwt_secret_previous anthropic_api_key anthropic_base_url db_conn_string copy_to database_connections host port answerer model local_model script access_token_seconds refresh_token_days refresh_grace_seconds registration allowed_hosts allowed_origins trusted_proxies login_limit account_limit address_limit register_limit refresh_limit quota_tokens_day quota_tokens_month quota_usd_day quota_usd_month retention_days audit_days server profile token timeout editing_mode idle_seconds connect_seconds first_token_seconds between_tokens_seconds answer_seconds upstream_attempts max_running max_waiting orphan_seconds leave_seconds drain_seconds log log_level config_dir data_dir --help ;;
        "askcli config unset") _askcli_words jwt_secret jwt_secret_previous anthropic_api_key anthropic_base_url db_conn_string copy_to database_connections host port answerer model local_model script access_token_seconds refresh_token_days refresh_grace_seconds registration allowed_hosts allowed_origins trusted_proxies login_limit account_limit address_limit register_limit refresh_limit quota_tokens_day quota_tokens_month quota_usd_day quota_usd_month retention_days audit_days server profile token timeout editing_mode idle_seconds connect_seconds first_token_seconds between_tokens_seconds answer_seconds upstream_attempts max_running max_waiting orphan_seconds leave_seconds drain_seconds log log_level config_dir data_dir --help ;;
        "askcli config path") _askcli_words --help ;;
        "askcli store") _askcli_words copy backup restore --help ;;
        "askcli store copy") _askcli_words --from --to --json --help ;;
        "askcli store backup") compopt -o default; [[ $current == -* ]] && _askcli_words --yes --help ;;
        "askcli store restore") compopt -o default; [[ $current == -* ]] && _askcli_words --help ;;
        "askcli users") _askcli_words list show disable enable delete reset-password export quota retention --help ;;
        "askcli users list") _askcli_words --spending --json --help ;;
        "askcli users show") compopt -o default; _askcli_words --json --help ;;
        "askcli users disable") compopt -o default; _askcli_words --help ;;
        "askcli users enable") compopt -o default; _askcli_words --help ;;
        "askcli users delete") compopt -o default; _askcli_words --yes --help ;;
        "askcli users reset-password") compopt -o default; _askcli_words --keep-tokens --password-stdin --help ;;
        "askcli users export") compopt -o default; _askcli_words --help ;;
        "askcli users quota") compopt -o default; _askcli_words --tokens-day --tokens-month --usd-day --usd-month --json --help ;;
        "askcli users retention") compopt -o default; _askcli_words --days --json --help ;;
        "askcli invite") _askcli_words create list revoke --help ;;
        "askcli invite create") _askcli_words --note --uses --days --json --help ;;
        "askcli invite list") _askcli_words --json --help ;;
        "askcli invite revoke") compopt -o default; _askcli_words --help ;;
        "askcli help exit-codes") _askcli_words --help ;;
        "askcli help ids") _askcli_words --help ;;
        "askcli help times") _askcli_words --help ;;
        "askcli help settings") _askcli_words --help ;;
        "askcli help json") _askcli_words --help ;;
        "askcli help ask") _askcli_words --help ;;
        "askcli help chat") _askcli_words --help ;;
        "askcli help batch") _askcli_words --help ;;
        "askcli help register") _askcli_words --help ;;
        "askcli help login") _askcli_words --help ;;
        "askcli help logout") _askcli_words --help ;;
        "askcli help passwd") _askcli_words --help ;;
        "askcli help whoami") _askcli_words --help ;;
        "askcli help usage") _askcli_words --help ;;
        "askcli help status") _askcli_words --help ;;
        "askcli help help") _askcli_words --help ;;
        "askcli help completion") _askcli_words --help ;;
        "askcli help openapi") _askcli_words --help ;;
        "askcli help serve") _askcli_words --help ;;
        "askcli help migrate") _askcli_words --help ;;
        "askcli help audit") _askcli_words --help ;;
        "askcli help history") _askcli_words list search show export delete import --help ;;
        "askcli help history list") _askcli_words --help ;;
        "askcli help history search") _askcli_words --help ;;
        "askcli help history show") _askcli_words --help ;;
        "askcli help history export") _askcli_words --help ;;
        "askcli help history delete") _askcli_words --help ;;
        "askcli help history import") _askcli_words --help ;;
        "askcli help conversations") _askcli_words list show rename delete export --help ;;
        "askcli help conversations list") _askcli_words --help ;;
        "askcli help conversations show") _askcli_words --help ;;
        "askcli help conversations rename") _askcli_words --help ;;
        "askcli help conversations delete") _askcli_words --help ;;
        "askcli help conversations export") _askcli_words --help ;;
        "askcli help token") _askcli_words create list revoke --help ;;
        "askcli help token create") _askcli_words --help ;;
        "askcli help token list") _askcli_words --help ;;
        "askcli help token revoke") _askcli_words --help ;;
        "askcli help models") _askcli_words list pull --help ;;
        "askcli help models list") _askcli_words --help ;;
        "askcli help models pull") _askcli_words --help ;;
        "askcli help config") _askcli_words get set unset path --help ;;
        "askcli help config get") _askcli_words --help ;;
        "askcli help config set") _askcli_words --help ;;
        "askcli help config unset") _askcli_words --help ;;
        "askcli help config path") _askcli_words --help ;;
        "askcli help store") _askcli_words copy backup restore --help ;;
        "askcli help store copy") _askcli_words --help ;;
        "askcli help store backup") _askcli_words --help ;;
        "askcli help store restore") _askcli_words --help ;;
        "askcli help users") _askcli_words list show disable enable delete reset-password export quota retention --help ;;
        "askcli help users list") _askcli_words --help ;;
        "askcli help users show") _askcli_words --help ;;
        "askcli help users disable") _askcli_words --help ;;
        "askcli help users enable") _askcli_words --help ;;
        "askcli help users delete") _askcli_words --help ;;
        "askcli help users reset-password") _askcli_words --help ;;
        "askcli help users export") _askcli_words --help ;;
        "askcli help users quota") _askcli_words --help ;;
        "askcli help users retention") _askcli_words --help ;;
        "askcli help invite") _askcli_words create list revoke --help ;;
        "askcli help invite create") _askcli_words --help ;;
        "askcli help invite list") _askcli_words --help ;;
        "askcli help invite revoke") _askcli_words --help ;;
    esac
}
complete -F _askcli askcli
