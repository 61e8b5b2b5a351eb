"""`FlaskForm`: a WTForms form that takes its data from the current request.

Settings: WTF_CSRF_ENABLED (True), WTF_I18N_ENABLED (True: messages in the language of Flask-Babel,
where the program has that).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from inspect import isawaitable, iscoroutinefunction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from werkzeug.datastructures import CombinedMultiDict, FileStorage, ImmutableMultiDict, MultiDict

from waterspout import current_app, has_request_context, request, run_in_thread, session
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

from .csrf import FormCSRF
from .i18n import translations

with needs_extra("forms"):
    from wtforms import Form as WTForm  # type: ignore[import-untyped]  # it has no types
    from wtforms.form import BaseForm  # type: ignore[import-untyped]  # as above
    from wtforms.meta import DefaultMeta  # type: ignore[import-untyped]  # as above
    from wtforms.widgets import HiddenInput  # type: ignore[import-untyped]  # as above

if TYPE_CHECKING:
    from waterspout import RequestHandler

__all__ = ["SUBMIT_METHODS", "FlaskForm", "Form"]

#: The methods by which a form is submitted.
SUBMIT_METHODS = {"POST", "PUT", "PATCH", "DELETE"}

_Auto: object = object()


class _Validating(BaseForm):  # type: ignore[misc]  # WTForms has no types
    """Stands between WTForms' two classes of forms: gets the validators that methods of a form are,
    and makes those that are ``async def`` callable."""

    def validate(self, extra_validators: Mapping[str, Sequence[object]] | None = None) -> bool:
        extra = {name: list(map(_called, some)) for name, some in (extra_validators or {}).items()}
        passed: bool = super().validate(extra)
        return passed


class FlaskForm(WTForm, _Validating):  # type: ignore[misc]  # as above
    """A form of the current request: of its fields and files, or of its JSON object.

    *formdata* in place of that is any multi-dict; None: no data. *handler* is the `RequestHandler`
    whose request it is; it may be left out where the handler belongs to an `App`. The other
    arguments are those of `wtforms.Form`.

    Validators, in lists and ``validate_<field>``, may be ``async def``: then, on the event loop,
    await `validate_async`.
    """

    class Meta(DefaultMeta):  # type: ignore[misc]  # as above
        """What a subclass may set otherwise: ``class Meta: csrf = False``."""

        csrf_class = FormCSRF
        csrf_context = session

        @cached_property
        def csrf(self) -> bool:
            return bool(current_app.config.get("WTF_CSRF_ENABLED", True))

        @cached_property
        def csrf_secret(self) -> Any:
            return current_app.config.get("WTF_CSRF_SECRET_KEY", current_app.secret_key)

        @cached_property
        def csrf_field_name(self) -> str:
            return str(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))

        @cached_property
        def csrf_time_limit(self) -> Any:
            return current_app.config.get("WTF_CSRF_TIME_LIMIT", 3600)

        def wrap_formdata(self, form: Untyped, formdata: object) -> Any:
            if formdata is not _Auto:
                return formdata
            handler = form._handler
            if handler is not None:
                return _data_of(handler)
            return _data_of_request() if form.is_submitted() else None

        def get_translations(self, form: object) -> Any:
            if not current_app.config.get("WTF_I18N_ENABLED", True):
                return super().get_translations(form)
            return translations

        def bind_field(
            self, form: object, unbound_field: object, options: Mapping[str, object]
        ) -> Any:
            field = super().bind_field(form, unbound_field, options)
            if any(map(_is_async, field.validators)):
                field.validators = [_called(v) if _is_async(v) else v for v in field.validators]
            return field

    def __init__(
        self, formdata: object = _Auto, *, handler: RequestHandler | None = None, **kwargs: object
    ) -> None:
        self._handler = handler
        super().__init__(formdata=formdata, **kwargs)

    def is_submitted(self) -> bool:
        """Tell whether there is a request whose method is POST, PUT, PATCH or DELETE."""
        if self._handler is not None:
            return self._handler.request.method in SUBMIT_METHODS
        return has_request_context() and request.method in SUBMIT_METHODS

    def validate_on_submit(
        self, extra_validators: Mapping[str, Sequence[object]] | None = None
    ) -> bool:
        """Tell whether the form was submitted and is valid."""
        return self.is_submitted() and bool(self.validate(extra_validators=extra_validators))

    async def validate_async(
        self, extra_validators: Mapping[str, Sequence[object]] | None = None
    ) -> bool:
        """Do as ``validate`` without blocking the event loop: validators that are ``async def``
        run on it, all others in a worker thread."""
        return bool(await run_in_thread(self.validate, extra_validators))

    async def validate_on_submit_async(
        self, extra_validators: Mapping[str, Sequence[object]] | None = None
    ) -> bool:
        """Do as `validate_on_submit`, by `validate_async`."""
        return self.is_submitted() and await self.validate_async(extra_validators)

    def hidden_tag(self, *fields: object) -> Markup:
        """Return the hidden inputs of the form, the token among them; or of *fields* (fields, or
        their names) those that are hidden."""
        return Markup("\n").join(map(Markup, map(str, self._hidden(fields or tuple(self)))))

    def _hidden(self, fields: Sequence[Any]) -> Iterator[object]:
        for given in fields:
            field = getattr(self, given, None) if isinstance(given, str) else given
            if field is not None and isinstance(field.widget, HiddenInput):
                yield field


#: The older name.
Form = FlaskForm


# -- validators that are ``async def`` -------------------------------------------------------------


def _is_async(validator: object) -> bool:
    return iscoroutinefunction(validator) or iscoroutinefunction(
        getattr(validator, "__call__", None)  # noqa: B004  # its kind is asked for
    )


def _called(validator: object) -> object:
    """Return *validator* as one that WTForms can call: what has to be awaited is."""
    call = partial(_call, validator)
    flags = getattr(validator, "field_flags", None)
    if flags is not None:
        call.field_flags = flags  # type: ignore[attr-defined]  # which WTForms looks for
    return call


def _call(validator: Untyped, form: object, field: object) -> None:
    result = validator(form, field)
    if not isawaitable(result):
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        current_app.async_to_sync(_awaited)(result)
        return
    close = getattr(result, "close", None)
    if close is not None:
        close()
    raise RuntimeError(
        f"The validator {validator!r} is async: on the event loop, use 'await"
        " form.validate_async()' or 'await form.validate_on_submit_async()'."
    )


async def _awaited(result: Any) -> object:
    return await result


# -- where data comes from -------------------------------------------------------------------------


def _data_of_request() -> Any:
    if request.files:
        return CombinedMultiDict((request.files, request.form))
    if request.form:
        return request.form
    return ImmutableMultiDict(request.get_json()) if request.is_json else None


def _data_of(handler: RequestHandler) -> object:
    """Return the fields and files of a handler's request, None if it has none."""
    message = handler.request
    if message.method not in SUBMIT_METHODS:
        return None
    data: MultiDict[str, Any] = MultiDict()
    for name, files in message.files.items():
        for file in files:
            data.add(
                name,
                FileStorage(BytesIO(file.body), file.filename, name, file.content_type),
            )
    for name, values in message.body_arguments.items():
        data.setlist(name, [handler.decode_argument(value, name) for value in values])
    if data:
        return data
    if "json" in message.headers.get("Content-Type", ""):
        return ImmutableMultiDict(handler.get_json())
    return None
