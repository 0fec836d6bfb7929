"""askcli history import: questions from other programs and other servers."""
