"""What users do with their accounts: request handlers and Tornado's templates."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from waterspout import flash
from waterspout.ext.auth import (
    hash_password_async,
    login_remembered,
    login_required,
    login_user,
    logout_user,
    needs_rehash,
    next_url,
    verify_password_async,
)
from waterspout.ext.sessions import revoke_async

from . import jobs
from .account_forms import AccountForm, LoginForm, PasswordForm, RegisterForm
from .extensions import db, limiter
from .handlers import Handler
from .models import Comment, Post, User
from .translations import translate

__all__ = ["ROUTES", "find_user"]


async def find_user(name: str) -> User | None:
    """Return the user of that name."""
    found: User | None = await db.async_session.scalar(select(User).where(User.name == name))
    return found


class Register(Handler):
    """Makes an account."""

    def show(self, form: RegisterForm, status: int = 200) -> None:
        """Show the form."""
        self.set_status(status)
        self.render("tornado/register.html", form=form)

    def get(self) -> None:
        """Show the form, empty."""
        self.show(RegisterForm())

    @limiter.limit("60/hour")
    async def post(self) -> None:
        """Add the user, and log in."""
        form = RegisterForm()
        if not await form.validate_async():
            self.show(form, 422)
            return
        user = User(
            name=form.username.data,
            password=await hash_password_async(form.password.data),
            email=form.email.data,
            city=form.city.data,
            avatar=await jobs.keep_picture(form.avatar.data),
        )
        db.async_session.add(user)
        try:
            await db.async_session.commit()
        except IntegrityError:  # somebody else took the name in this moment
            form.username.errors = [translate("This name is taken.")]
            self.show(form, 422)
            return
        login_user(user)
        flash(translate("Welcome, %(name)s!") % {"name": user.name}, "success")
        self.redirect("/", status=303)


class Check(Handler):
    """Says while somebody types whether a name is free."""

    @limiter.limit("120/minute")
    async def post(self) -> None:
        """Answer ``{"msg": "ok"}``, or ``"fail"`` for a name that is taken or impossible."""
        form = RegisterForm()
        free = await form.is_free(self.get_body_argument("username", ""))
        self.write({"msg": "ok" if free else "fail"})


class Login(Handler):
    """Logs a user in."""

    def show(self, form: LoginForm, status: int = 200) -> None:
        """Show the form."""
        self.set_status(status)
        self.render("tornado/login.html", form=form, next=next_url())

    def get(self) -> None:
        """Show the form, empty."""
        self.show(LoginForm())

    # SECURITY: who guesses passwords has so many guesses, of one address, a minute.
    @limiter.limit("10/minute", deduct_when=lambda response: response.status_code == 401)
    async def post(self) -> None:
        """Check name and password."""
        form = LoginForm()
        if not await form.validate_async():
            self.show(form, 422)
            return
        user = await find_user(form.username.data)
        # SECURITY: a name that nobody has takes as long as a wrong password.
        right = await verify_password_async(user.password if user else None, form.password.data)
        if user is None or not right:
            form.form_errors.append(translate("Name or password is wrong."))
            self.show(form, 401)
            return
        if needs_rehash(user.password):
            user.password = await hash_password_async(form.password.data)
            await db.async_session.commit()
        login_user(user, remember=form.remember.data)
        flash(translate("Welcome, %(name)s!") % {"name": user.name}, "success")
        await self.tell_of_comments(user)
        self.redirect(next_url(), status=303)

    async def tell_of_comments(self, user: User) -> None:
        """Say how many comments on the user's posts are new to them."""
        unread = await db.async_session.scalar(
            select(func.count(Comment.id))
            .join(Post)
            .where(Post.user_id == user.id, Comment.user_id != user.id, Comment.id > user.seen)
        )
        if unread:
            text = translate(
                "%(count)s new comment on your posts.",
                "%(count)s new comments on your posts.",
                unread,
            )
            flash(text % {"count": unread}, "info")


class Logout(Handler):
    """Logs the user out."""

    def post(self) -> None:
        """Log out."""
        logout_user()
        flash(translate("You are logged out."), "info")
        self.redirect("/", status=303)


class Account(Handler):
    """Shows what is the user's, and changes it."""

    async def show(self, form: AccountForm, status: int = 200) -> None:
        """Show the forms, the comments on the user's posts, and the posts."""
        me = self.current_user
        comments = list(
            await db.async_session.scalars(
                select(Comment)
                .join(Post)
                .where(Post.user_id == me.id, Comment.user_id != me.id)
                .options(joinedload(Comment.author), joinedload(Comment.post))
                .order_by(Comment.id.desc())
                .limit(20)
            )
        )
        posts = select(Post).where(Post.user_id == me.id).order_by(Post.id.desc()).limit(50)
        self.set_status(status)
        self.render(
            "tornado/account.html",
            form=form,
            password_form=PasswordForm(formdata=None),
            comments=comments,
            posts=list(await db.async_session.scalars(posts)),
            seen=me.seen,
        )

    @login_required
    async def get(self) -> None:
        """Show all; the comments are no longer new afterwards."""
        me = await db.async_session.get_one(User, self.current_user.id)
        newest = select(func.max(Comment.id)).join(Post).where(Post.user_id == me.id)
        me.seen = await db.async_session.scalar(newest) or 0
        await db.async_session.commit()
        await self.show(AccountForm(obj=me))

    @login_required
    async def post(self) -> None:
        """Change address, city and avatar."""
        form = AccountForm()
        if not await form.validate_async():
            await self.show(form, 422)
            return
        me = await db.async_session.get_one(User, self.current_user.id)
        me.email, me.city = form.email.data, form.city.data
        if form.avatar.data:
            before, me.avatar = me.avatar, await jobs.keep_picture(form.avatar.data)
            await jobs.remove_picture.enqueue_async(before)
        await db.async_session.commit()
        flash(translate("Your account is changed."), "success")
        self.redirect("/account", status=303)


class ChangePassword(Handler):
    """Gives the user another password."""

    @login_required
    @limiter.limit("10/minute")
    async def post(self) -> None:
        """Ask for the old one; end all other sessions of the user, and cookies that remember."""
        form = PasswordForm()
        me = await db.async_session.get_one(User, self.current_user.id)
        if not await form.validate_async():
            problems = [str(error) for errors in form.errors.values() for error in errors]
            flash(" ".join(problems), "error")
        elif not await verify_password_async(me.password, form.old_password.data):
            flash(translate("The old password is wrong."), "error")
        else:
            before = me.get_id()
            me.password = await hash_password_async(form.password.data)
            await db.async_session.commit()
            await revoke_async(user=before, keep_current=True)
            login_user(me, remember=login_remembered())
            flash(translate("Your password is changed."), "success")
        self.redirect("/account", status=303)


ROUTES = [
    (r"/register", Register),
    (r"/check", Check),
    (r"/login", Login),
    (r"/logout", Logout),
    (r"/account", Account),
    (r"/account/password", ChangePassword),
]
