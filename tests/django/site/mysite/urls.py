"""Where each page of the test site lives."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from guestbook import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", views.index, name="index"),
    path("sign/", views.sign, name="sign"),
    path("upload/", views.upload, name="upload"),
    path("raw-upload/", views.raw_upload),
    path("stream/", views.stream),
    path("download/<int:size>/", views.download),
    path("old/", views.old),
    path("old-absolute/", views.old_absolute),
    path("broken/", views.broken),
    path("slow/", views.slow),
    path("meta/<path:rest>", views.meta),
]
