"""askcli ask: from the words to the answer on the screen."""
