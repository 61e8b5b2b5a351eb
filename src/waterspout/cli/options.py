"""The options and option types that the commands share.

Each option can be given by the environment too: as `WATERSPOUT_X`, named here, or as
`FLASK_X`, by the groups' automatic prefix.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource
from werkzeug.utils import import_string

from ..typing import Argument, Function
from .discovery import ScriptInfo
from .environment import load_dotenv

if TYPE_CHECKING:
    from collections.abc import Callable

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # not generic before click 8.3


F = TypeVar("F", bound="Function")


class CertParamType(ParamType):
    """A certificate file, the word `adhoc`, or the import name of an `ssl.SSLContext`."""

    name = "path"

    def __init__(self) -> None:
        self.path_type = click.Path(exists=True, dir_okay=False, resolve_path=True)

    def convert(
        self, value: Argument, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the file's full path, `'adhoc'`, or the context object."""
        try:
            return self.path_type(value, param, ctx)
        except click.BadParameter:
            name = str(value)
            if name.lower() == "adhoc":
                _require_cryptography(ctx, param)
                return "adhoc"
            found = import_string(name, silent=True)
            if isinstance(found, ssl.SSLContext):
                return found
            raise


def _require_cryptography(ctx: click.Context | None, param: click.Parameter | None) -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise click.BadParameter(
            "An ad-hoc certificate needs the package 'cryptography'.", ctx, param
        ) from None


def _validate_key(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Join certificate and key to the pair that the server takes."""
    cert = ctx.params.get("cert")
    complete = {
        "'adhoc'": cert == "adhoc",
        "an SSLContext": isinstance(cert, ssl.SSLContext),
    }
    if value is None:
        if cert and not any(complete.values()):
            raise click.BadParameter("A certificate file needs its key file.", ctx, param)
        return None
    if not cert:
        raise click.BadParameter("A key file needs its certificate file.", ctx, param)
    for kind, applies in complete.items():
        if applies:
            raise click.BadParameter(f"With {kind} as certificate no key is used.", ctx, param)
    ctx.params["cert"] = cert, value
    return value


class SeparatedPathType(click.Path):
    """Several paths in one value, separated as in `PATH` (`:`; on Windows `;`)."""

    def convert(
        self, value: Argument, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the list of paths."""
        one = super().convert
        return [one(item, param, ctx) for item in self.split_envvar_value(value)]


def set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value
    return value


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool | None:
    source = ctx.get_parameter_source(param.name or "")
    if source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return None
    # Through the environment, so that a factory and a reloaded process see it too.
    os.environ["FLASK_DEBUG"] = "1" if value else "0"
    return value


def _load_env_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            import dotenv  # noqa: F401
        except ImportError:
            raise click.BadParameter(
                "Reading it needs the package python-dotenv.", ctx, param
            ) from None
    # Behind a command's name: the usual files were read in front of it.
    is_behind = not isinstance(ctx.command, click.Group)
    defaults = ctx.ensure_object(ScriptInfo).load_dotenv_defaults and not is_behind
    if value is not None or defaults:
        load_dotenv(value, load_defaults=defaults)
    return value


def _install_dropin(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:
        from ..dropin import install  # a program that does not ask for it never loads it

        try:
            install()
        except RuntimeError as ex:
            raise click.UsageError(str(ex), ctx) from None
    return value


# The order is that of evaluation: the environment first, the drop-in before anything of
# the user's is imported. All but --debug are eager, so that --help can list the
# application's own commands.
env_file_option = click.Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    envvar="WATERSPOUT_ENV_FILE",
    help="Take environment variables from this file, before those of '.env' and '.flaskenv'."
    " Variables that are set already stay as they are. Needs python-dotenv.",
    is_eager=True,
    expose_value=False,
    callback=_load_env_file,
)
dropin_option = click.Option(
    ["--dropin"],
    is_flag=True,
    envvar="WATERSPOUT_DROPIN",
    help="Let 'import flask' and 'import tornado.web' lead to Waterspout, for a program and"
    " extensions written for them.",
    is_eager=True,
    expose_value=False,
    callback=_install_dropin,
)
app_option = click.Option(
    ["-A", "--app"],
    metavar="IMPORT",
    envvar="WATERSPOUT_APP",
    help="The application or its factory: 'module:name', where module is a dotted name or a"
    " file. The name may be left out if it is 'app', 'application', 'create_app' or"
    " 'make_app'; it may be a call, 'name(\"argument\")'.",
    is_eager=True,
    expose_value=False,
    callback=set_app,
)
debug_option = click.Option(
    ["--debug/--no-debug"],
    envvar="WATERSPOUT_DEBUG",
    help="Switch debug mode on or off.",
    expose_value=False,
    callback=_set_debug,
)


def naming_options() -> list[click.Option]:
    """Return `--app` and `--env-file` as options of a command, behind its name.

    They have no variables of their own: those of the options in front of the command hold.
    """
    return [
        click.Option(
            [*option.opts],
            type=option.type,
            metavar=option.metavar,
            help=option.help,
            is_eager=True,
            expose_value=False,
            callback=option.callback,
        )
        for option in (env_file_option, app_option)
    ]


def joined(*options: Callable[[Callable[..., object]], Callable[..., object]]) -> Callable[[F], F]:
    """Make one decorator of several, which adds them in the order of writing."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = cast("F", option(command))
        return command

    return decorate


address_options = joined(
    click.option(
        "--host", "-h", default="127.0.0.1", show_default=True, envvar="WATERSPOUT_HOST",
        help="The interface to listen on.",
    ),
    click.option(
        "--port", "-p", default=5000, show_default=True, envvar="WATERSPOUT_PORT",
        type=click.IntRange(0, 65535), help="The port to listen on; 0 takes a free one.",
    ),
)  # fmt: skip

server_options = joined(
    address_options,
    click.option(
        "--cert", "--certfile", "cert", type=CertParamType(), is_eager=True,
        envvar="WATERSPOUT_CERTFILE",
        help="Serve HTTPS: a certificate file, 'adhoc', or an import name of an SSLContext.",
    ),
    click.option(
        "--key", "--keyfile", "key", envvar="WATERSPOUT_KEYFILE",
        type=click.Path(exists=True, dir_okay=False, resolve_path=True),
        callback=_validate_key, expose_value=False, help="The key file of the certificate.",
    ),
    click.option(
        "--reload/--no-reload", default=None, envvar="WATERSPOUT_RELOAD",
        help="Restart when a source file changes; the default is to do it in debug mode.",
    ),
    click.option(
        "--extra-files", type=SeparatedPathType(), envvar="WATERSPOUT_EXTRA_FILES",
        help=f"Other files that restart it, separated by {os.pathsep!r}.",
    ),
    click.option(
        "--exclude-patterns", type=SeparatedPathType(), envvar="WATERSPOUT_EXCLUDE_PATTERNS",
        help=f"Patterns of files that do not restart it, separated by {os.pathsep!r}.",
    ),
)  # fmt: skip
