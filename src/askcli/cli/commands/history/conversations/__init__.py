"""askcli conversations: list, show, rename, delete and export conversations."""
