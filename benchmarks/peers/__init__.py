"""The servers that askcli is measured beside, and their environments."""
