"""The command `waterspout new NAME`."""

from __future__ import annotations

import click

from .project import TEMPLATES, WINGS, Project, ProjectError

__all__ = ["new_command"]


@click.command("new", short_help="Make a project to begin with.")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    default="site",
    show_default=True,
    help="minimal: one module. site: pages, forms, a database. api: JSON over HTTP, a database.",
)
@click.option(
    "--wing",
    type=click.Choice(WINGS),
    default="both",
    show_default=True,
    help="Write with views (flask), with request handlers (tornado), or with both.",
)
def new_command(name: str, template: str, wing: str) -> None:
    """Make the project NAME in a folder of that name (a path: there).

    It has settings for each environment, tests, migrations, a container, a systemd unit and
    'manage.py', and runs, passes its tests, ruff and mypy as it is made.
    \f

    Raises:
        ClickException: The project cannot be made there, or under that name.
    """
    try:
        project = Project(name, template, wing)
        files = project.write()
    except ProjectError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Made {project.name} in {project.folder} ({template}, {wing}): {len(files)} files.")
    click.echo("\nNext:\n")
    if project.shown_folder != ".":
        click.echo(f"  cd {project.shown_folder}")
    for command in project.commands():
        click.echo(f"  {command}")
    click.echo("\nREADME.md says what is where.")
