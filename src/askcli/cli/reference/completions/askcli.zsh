#compdef askcli
# zsh completion for askcli: put it, as _askcli, into a directory of $fpath.
_askcli_cached() {
    local file="${XDG_CACHE_HOME:-$HOME/.cache}/askcli/completion/$1" line
    local -a values shown
    [[ -r $file ]] || return
    while IFS= read -r line; do
        values+=("${line%%$'\t'*}")
        shown+=("${line//$'\t'/  }")
    done < "$file"
    compadd -l -d shown -a -- values
}
_askcli() {
    local before="${words[CURRENT - 1]}" path_="askcli" current i
    if [[ $PREFIX == --*=* ]]; then before="${PREFIX%%=*}"; compset -P '*='; fi
    current=$PREFIX
    for ((i = 2; i < CURRENT; i++)); do
        case "$path_ ${words[i]}" in
        "askcli ask"|"askcli chat"|"askcli batch"|"askcli register"|"askcli login"|"askcli logout"|"askcli passwd"|"askcli whoami"|"askcli usage"|"askcli status"|"askcli help"|"askcli completion"|"askcli openapi"|"askcli serve"|"askcli migrate"|"askcli audit"|"askcli history"|"askcli history list"|"askcli history search"|"askcli history show"|"askcli history export"|"askcli history delete"|"askcli history import"|"askcli conversations"|"askcli conversations list"|"askcli conversations show"|"askcli conversations rename"|"askcli conversations delete"|"askcli conversations export"|"askcli token"|"askcli token create"|"askcli token list"|"askcli token revoke"|"askcli models"|"askcli models list"|"askcli models pull"|"askcli config"|"askcli config get"|"askcli config set"|"askcli config unset"|"askcli config path"|"askcli store"|"askcli store copy"|"askcli store backup"|"askcli store restore"|"askcli users"|"askcli users list"|"askcli users show"|"askcli users disable"|"askcli users enable"|"askcli users delete"|"askcli users reset-password"|"askcli users export"|"askcli users quota"|"askcli users retention"|"askcli invite"|"askcli invite create"|"askcli invite list"|"askcli invite revoke"|"askcli help exit-codes"|"askcli help ids"|"askcli help times"|"askcli help settings"|"askcli help json"|"askcli help ask"|"askcli help chat"|"askcli help batch"|"askcli help register"|"askcli help login"|"askcli help logout"|"askcli help passwd"|"askcli help whoami"|"askcli help usage"|"askcli help status"|"askcli help help"|"askcli help completion"|"askcli help openapi"|"askcli help serve"|"askcli help migrate"|"askcli help audit"|"askcli help history"|"askcli help history list"|"askcli help history search"|"askcli help history show"|"askcli help history export"|"askcli help history delete"|"askcli help history import"|"askcli help conversations"|"askcli help conversations list"|"askcli help conversations show"|"askcli help conversations rename"|"askcli help conversations delete"|"askcli help conversations export"|"askcli help token"|"askcli help token create"|"askcli help token list"|"askcli help token revoke"|"askcli help models"|"askcli help models list"|"askcli help models pull"|"askcli help config"|"askcli help config get"|"askcli help config set"|"askcli help config unset"|"askcli help config path"|"askcli help store"|"askcli help store copy"|"askcli help store backup"|"askcli help store restore"|"askcli help users"|"askcli help users list"|"askcli help users show"|"askcli help users disable"|"askcli help users enable"|"askcli help users delete"|"askcli help users reset-password"|"askcli help users export"|"askcli help users quota"|"askcli help users retention"|"askcli help invite"|"askcli help invite create"|"askcli help invite list"|"askcli help invite revoke") path_="$path_ ${words[i]}" ;;
        esac
    done
    case "$path_ $before" in
        "askcli history export --format") { compadd -- json jsonl csv markdown; return; } ;;
        "askcli history import --from") { compadd -- llm mods jsonl; return; } ;;
        "askcli conversations export --format") { compadd -- markdown json html; return; } ;;
        *" --model"|*" -m") { _askcli_cached models; return; } ;;
        *" --conversation") { _askcli_cached conversations; return; } ;;
        *" --rejoin"|*" --retry") [[ $current == -* ]] || { _askcli_cached ids; return; } ;;
        *" --profile") { _askcli_cached profiles; return; } ;;
        *" --concurrency"|*" --days"|*" --email"|*" --event"|*" --failures"|*" --file"|*" --format"|*" --from"|*" --host"|*" --invite"|*" --limit"|*" --max-tokens"|*" --name"|*" --note"|*" --older-than"|*" --output"|*" --port"|*" --run"|*" --scope"|*" --server"|*" --session"|*" --since"|*" --system"|*" --timeout"|*" --to"|*" --tokens-day"|*" --tokens-month"|*" --until"|*" --usd-day"|*" --usd-month"|*" --user"|*" --uses"|*" --workers"|*" -f"|*" -j"|*" -n"|*" -o"|*" -s") { _files; return; } ;;
    esac
    case "$path_" in
        "askcli") compadd -- ask chat batch register login logout passwd whoami usage status help completion openapi serve migrate audit history conversations token models config store users invite --debug --version --help ;;
        "askcli ask") _files; compadd -- --file -f --system -s --model -m --continue -c --conversation --max-tokens --rejoin --retry --edit -e --no-stdin --json --ndjson --raw --code -x --all-code --output -o --copy --open --quiet -q --server --profile --timeout --help ;;
        "askcli chat") compadd -- --continue -c --last --conversation --resume --file -f --system -s --model -m --max-tokens --vi --quiet -q --server --profile --timeout --help ;;
        "askcli batch") _files; compadd -- --concurrency -j --model -m --system -s --run --failures --quiet -q --server --profile --timeout --help ;;
        "askcli register") compadd -- --name --email --invite --password-stdin --json --server --profile --help ;;
        "askcli login") compadd -- --email --password-stdin --with-token --json --server --profile --help ;;
        "askcli logout") compadd -- --all --session --server --profile --help ;;
        "askcli passwd") compadd -- --password-stdin --keep-tokens --server --profile --help ;;
        "askcli whoami") compadd -- --sessions --json --server --profile --help ;;
        "askcli usage") compadd -- --since --until --json --server --profile --help ;;
        "askcli status") compadd -- --json --server --profile --help ;;
        "askcli help") compadd -- exit-codes ids times settings json ask chat batch register login logout passwd whoami usage status help completion openapi serve migrate audit history conversations token models config store users invite --help ;;
        "askcli completion") compadd -- bash zsh fish --help ;;
        "askcli openapi") compadd -- --server --profile --help ;;
        "askcli serve") compadd -- --host --port --workers --stop --help ;;
        "askcli migrate") compadd -- --check --help ;;
        "askcli audit") compadd -- --user --event --limit -n --json --help ;;
        "askcli history") compadd -- list search show export delete import --limit -n --conversation --since --until --json --server --profile --help ;;
        "askcli history list") compadd -- --limit -n --conversation --since --until --json --server --profile --help ;;
        "askcli history search") _files; compadd -- --limit -n --conversation --since --until --json --server --profile --help ;;
        "askcli history show") _askcli_cached ids; compadd -- --conversation --json --code -x --all-code --output -o --copy --open --server --profile --help ;;
        "askcli history export") compadd -- --format --conversation --since --until --output -o --server --profile --help ;;
        "askcli history delete") _askcli_cached ids; compadd -- --older-than --yes --json --server --profile --help ;;
        "askcli history import") _files; compadd -- --from --json --server --profile --help ;;
        "askcli conversations") compadd -- list show rename delete export --limit -n --since --until --json --server --profile --help ;;
        "askcli conversations list") compadd -- --limit -n --since --until --json --server --profile --help ;;
        "askcli conversations show") _askcli_cached conversations; compadd -- --json --server --profile --help ;;
        "askcli conversations rename") _askcli_cached conversations; compadd -- --json --server --profile --help ;;
        "askcli conversations delete") _askcli_cached conversations; compadd -- --yes --json --server --profile --help ;;
        "askcli conversations export") _askcli_cached conversations; compadd -- --format --since --until --output -o --server --profile --help ;;
        "askcli token") compadd -- create list revoke --help ;;
        "askcli token create") _files; compadd -- --scope --days --json --server --profile --help ;;
        "askcli token list") compadd -- --json --server --profile --help ;;
        "askcli token revoke") _files; compadd -- --server --profile --help ;;
        "askcli models") compadd -- list pull --json --server --profile --help ;;
        "askcli models list") compadd -- --json --server --profile --help ;;
        "askcli models pull") compadd -- qwen2.5-coder-1.5b smollm2-135m --help ;;
        "askcli config") compadd -- get set unset path --json --help ;;
        "askcli config get") compadd -- jwt_secret jwt_secret_previous anthropic_api_key anthropic_base_url db_conn_string copy_to database_connections host port answerer model local_model script access_token_seconds refresh_token_days refresh_grace_seconds registration allowed_hosts allowed_origins trusted_proxies login_limit account_limit address_limit register_limit refresh_limit quota_tokens_day quota_tokens_month quota_usd_day quota_usd_month retention_days audit_days server profile token timeout editing_mode idle_seconds connect_seconds first_token_seconds between_tokens_seconds answer_seconds upstream_attempts max_running max_waiting orphan_seconds leave_seconds drain_seconds log log_level config_dir data_dir --json --help ;;
        "askcli config set") compadd -- jwt_secret jwt_secret_previous anthropic_api_key anthropic_base_url db_conn_string copy_to database_connections host port answerer model local_model script access_token_seconds refresh_token_days refresh_grace_seconds registration allowed_hosts allowed_origins trusted_proxies login_limit account_limit address_limit register_limit refresh_limit quota_tokens_day quota_tokens_month quota_usd_day quota_usd_month retention_days audit_days server profile token timeout editing_mode idle_seconds connect_seconds first_token_seconds between_tokens_seconds answer_seconds upstream_attempts max_running max_waiting orphan_seconds leave_seconds drain_seconds log log_level config_dir data_dir --help ;;
        "askcli config unset") compadd -- jwt_secret jwt_secret_previous anthropic_api_key anthropic_base_url db_conn_string copy_to database_connections host port answerer model local_model script access_token_seconds refresh_token_days refresh_grace_seconds registration allowed_hosts allowed_origins trusted_proxies login_limit account_limit address_limit register_limit refresh_limit quota_tokens_day quota_tokens_month quota_usd_day quota_usd_month retention_days audit_days server profile token timeout editing_mode idle_seconds connect_seconds first_token_seconds between_tokens_seconds answer_seconds upstream_attempts max_running max_waiting orphan_seconds leave_seconds drain_seconds log log_level config_dir data_dir --help ;;
        "askcli config path") compadd -- --help ;;
        "askcli store") compadd -- copy backup restore --help ;;
        "askcli store copy") compadd -- --from --to --json --help ;;
        "askcli store backup") _files; compadd -- --yes --help ;;
        "askcli store restore") _files; compadd -- --help ;;
        "askcli users") compadd -- list show disable enable delete reset-password export quota retention --help ;;
        "askcli users list") compadd -- --spending --json --help ;;
        "askcli users show") _files; compadd -- --json --help ;;
        "askcli users disable") _files; compadd -- --help ;;
        "askcli users enable") _files; compadd -- --help ;;
        "askcli users delete") _files; compadd -- --yes --help ;;
        "askcli users reset-password") _files; compadd -- --keep-tokens --password-stdin --help ;;
        "askcli users export") _files; compadd -- --help ;;
        "askcli users quota") _files; compadd -- --tokens-day --tokens-month --usd-day --usd-month --json --help ;;
        "askcli users retention") _files; compadd -- --days --json --help ;;
        "askcli invite") compadd -- create list revoke --help ;;
        "askcli invite create") compadd -- --note --uses --days --json --help ;;
        "askcli invite list") compadd -- --json --help ;;
        "askcli invite revoke") _files; compadd -- --help ;;
        "askcli help exit-codes") compadd -- --help ;;
        "askcli help ids") compadd -- --help ;;
        "askcli help times") compadd -- --help ;;
        "askcli help settings") compadd -- --help ;;
        "askcli help json") compadd -- --help ;;
        "askcli help ask") compadd -- --help ;;
        "askcli help chat") compadd -- --help ;;
        "askcli help batch") compadd -- --help ;;
        "askcli help register") compadd -- --help ;;
        "askcli help login") compadd -- --help ;;
        "askcli help logout") compadd -- --help ;;
        "askcli help passwd") compadd -- --help ;;
        "askcli help whoami") compadd -- --help ;;
        "askcli help usage") compadd -- --help ;;
        "askcli help status") compadd -- --help ;;
        "askcli help help") compadd -- --help ;;
        "askcli help completion") compadd -- --help ;;
        "askcli help openapi") compadd -- --help ;;
        "askcli help serve") compadd -- --help ;;
        "askcli help migrate") compadd -- --help ;;
        "askcli help audit") compadd -- --help ;;
        "askcli help history") compadd -- list search show export delete import --help ;;
        "askcli help history list") compadd -- --help ;;
        "askcli help history search") compadd -- --help ;;
        "askcli help history show") compadd -- --help ;;
        "askcli help history export") compadd -- --help ;;
        "askcli help history delete") compadd -- --help ;;
        "askcli help history import") compadd -- --help ;;
        "askcli help conversations") compadd -- list show rename delete export --help ;;
        "askcli help conversations list") compadd -- --help ;;
        "askcli help conversations show") compadd -- --help ;;
        "askcli help conversations rename") compadd -- --help ;;
        "askcli help conversations delete") compadd -- --help ;;
        "askcli help conversations export") compadd -- --help ;;
        "askcli help token") compadd -- create list revoke --help ;;
        "askcli help token create") compadd -- --help ;;
        "askcli help token list") compadd -- --help ;;
        "askcli help token revoke") compadd -- --help ;;
        "askcli help models") compadd -- list pull --help ;;
        "askcli help models list") compadd -- --help ;;
        "askcli help models pull") compadd -- --help ;;
        "askcli help config") compadd -- get set unset path --help ;;
        "askcli help config get") compadd -- --help ;;
        "askcli help config set") compadd -- --help ;;
        "askcli help config unset") compadd -- --help ;;
        "askcli help config path") compadd -- --help ;;
        "askcli help store") compadd -- copy backup restore --help ;;
        "askcli help store copy") compadd -- --help ;;
        "askcli help store backup") compadd -- --help ;;
        "askcli help store restore") compadd -- --help ;;
        "askcli help users") compadd -- list show disable enable delete reset-password export quota retention --help ;;
        "askcli help users list") compadd -- --help ;;
        "askcli help users show") compadd -- --help ;;
        "askcli help users disable") compadd -- --help ;;
        "askcli help users enable") compadd -- --help ;;
        "askcli help users delete") compadd -- --help ;;
        "askcli help users reset-password") compadd -- --help ;;
        "askcli help users export") compadd -- --help ;;
        "askcli help users quota") compadd -- --help ;;
        "askcli help users retention") compadd -- --help ;;
        "askcli help invite") compadd -- create list revoke --help ;;
        "askcli help invite create") compadd -- --help ;;
        "askcli help invite list") compadd -- --help ;;
        "askcli help invite revoke") compadd -- --help ;;
    esac
}
if [[ $funcstack[1] == _askcli ]]; then _askcli "$@"; else compdef _askcli askcli; fi
