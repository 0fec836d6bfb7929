"""askcli history: what was asked, and what came of it."""
