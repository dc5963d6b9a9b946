"""The one app of the test site."""

from django.apps import AppConfig


class GuestbookConfig(AppConfig):
    name = "guestbook"
