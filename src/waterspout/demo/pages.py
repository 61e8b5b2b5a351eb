"""The pages: read, search, write, change and delete. A form that worked answers with a redirect."""

from __future__ import annotations

import asyncio

from werkzeug.wrappers import Response as AnyResponse

from waterspout import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)

from .forms import EntryForm, search_words
from .guard import author, check_form_token, get_entry, get_own_entry, is_mine
from .store import current_book

PAGE_SIZE = 10

bp = Blueprint("pages", __name__)
bp.before_request(check_form_token)


@bp.get("/")
def index() -> str:
    """Show one page of the book, or of what a search found in it."""
    return render_index(EntryForm())


@bp.post("/")
def write() -> AnyResponse:
    """Write an entry; where something is wrong, show the form again with the reasons."""
    form = EntryForm.read(request.form)
    if form.errors:
        return Response(render_index(form), status=422)
    current_book().add(**form.fields(), author=author())
    flash("Thank you! Your entry is in the book.", "good")
    return redirect(url_for(".index"), 303)


def render_index(form: EntryForm) -> str:
    """Render the front page around a form, empty or refused."""
    query = search_words(request.args)
    number = request.args.get("page", 1, type=int)
    page = current_book().page(number, size=PAGE_SIZE, query=query) if number > 0 else None
    if page is None or number > page.count:
        abort(404, "The book has no such page.")
    return render_template("index.html", page=page, query=query, form=form, is_mine=is_mine)


@bp.get("/entries/<int:entry_id>")
async def entry(entry_id: int) -> str:
    """Show one entry, under an address that stays."""
    found = await asyncio.to_thread(get_entry, entry_id)
    return render_template("entry.html", entry=found, is_mine=is_mine)


@bp.route("/entries/<int:entry_id>/edit", methods=["GET", "POST"])
def edit(entry_id: int) -> AnyResponse:
    """Let the author change an entry."""
    entry = get_own_entry(entry_id)
    if request.method == "GET":
        form = EntryForm(entry.name, entry.message, entry.mood, entry.colour)
        return Response(render_template("edit.html", entry=entry, form=form))
    form = EntryForm.read(request.form)
    if form.errors:
        return Response(render_template("edit.html", entry=entry, form=form), status=422)
    current_book().change(entry_id, **form.fields())
    flash("Changed.", "good")
    return redirect(url_for(".entry", entry_id=entry_id), 303)


@bp.route("/entries/<int:entry_id>/delete", methods=["GET", "POST"])
def delete(entry_id: int) -> AnyResponse:
    """Ask the author whether the entry shall go, then let it go."""
    entry = get_own_entry(entry_id)
    if request.method == "GET":
        return Response(render_template("delete.html", entry=entry))
    current_book().delete(entry_id)
    flash("Your entry has gone with the tide.", "info")
    return redirect(url_for(".index"), 303)
