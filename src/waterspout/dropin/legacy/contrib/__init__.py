"""`werkzeug.contrib`, gone since Werkzeug 1.0: the parts that have a successor."""
