"""askcli batch: many questions from a file, answered once each, however often it is begun."""
