"""Both tables in Django's admin."""

from django.contrib import admin

from .models import Attachment, Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    list_display = ["name", "message", "written"]


@admin.register(Attachment)
class AttachmentAdmin(admin.ModelAdmin):
    list_display = ["file", "size", "sha256"]
