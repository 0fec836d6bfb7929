"""askcli batch: many questions from a file, each answered once, even if the batch is restarted."""
