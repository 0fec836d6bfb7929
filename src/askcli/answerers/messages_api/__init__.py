"""Client of the Messages API: requests by the SDK, and its events decoded and bounded here."""
