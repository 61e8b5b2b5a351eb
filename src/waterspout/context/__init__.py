"""What is current while a request or a piece of application work runs."""
