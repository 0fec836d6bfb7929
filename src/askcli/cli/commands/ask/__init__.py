"""askcli ask: a new question, an earlier one again, or an answer in progress."""
