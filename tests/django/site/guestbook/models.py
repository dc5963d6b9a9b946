"""What the guests leave: words and files."""

from django.db import models


class Entry(models.Model):
    name = models.CharField(max_length=80)
    message = models.TextField()
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self):
        return f"{self.name}: {self.message[:40]}"


class Attachment(models.Model):
    file = models.FileField(upload_to="attachments/")
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)

    def __str__(self):
        return self.file.name
