"""BlackSheep. Without postponed annotations: it reads the types of its views."""

from blacksheep import Application, Response, json, text

app = Application()


@app.router.get("/")
async def get_text() -> Response:
    return text("Hello, World!")


@app.router.get("/json")
async def get_json() -> Response:
    return json({"message": "Hello, World!"})


@app.router.get("/item/{int:number}")
async def get_item(number: int) -> Response:
    return text(f"item {number}")
