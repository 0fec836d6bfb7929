"""askcli chat: a conversation at a prompt."""
