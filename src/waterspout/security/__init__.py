"""What protects an application; each subject has its module, such as `signing`."""
