bind = "127.0.0.1:0"
workers = 2
threads = 2
wsgi_app = "shop:create_app()"
