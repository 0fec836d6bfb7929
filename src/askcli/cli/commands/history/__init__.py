"""askcli history: list, search, show, export and delete questions."""
