"""One view for each thing that a proxy can get wrong."""

import asyncio
import hashlib
import re
import time
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.base import File
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt

from .forms import EntryForm, UploadForm
from .models import Attachment, Entry

BLOCK = 1 << 16


def index(request):
    return render(request, "guestbook/index.html", {"entries": Entry.objects.order_by("-id")[:20]})


@login_required
def sign(request):
    form = EntryForm(request.POST or None)
    if form.is_valid():
        form.save()
        return redirect("index")
    return render(request, "guestbook/form.html", {"form": form, "title": "Sign the guestbook"})


@login_required
def upload(request):
    """A multipart form; the answer is what arrived: the size and the SHA-256."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        received = form.cleaned_data["file"]
        digest = hashlib.sha256()
        for chunk in received.chunks():
            digest.update(chunk)
        received.seek(0)
        kept = Attachment(file=File(received, name=received.name), sha256=digest.hexdigest(), size=received.size)
        kept.save()
        return JsonResponse({"name": received.name, "size": kept.size, "sha256": kept.sha256})
    return render(request, "guestbook/form.html", {"form": form, "title": "Upload a file"})


@csrf_exempt
def raw_upload(request):
    """A body as it is, with any framing; says how it was framed when it reached the app."""
    digest, size = hashlib.sha256(), 0
    while chunk := request.read(BLOCK):
        digest.update(chunk)
        size += len(chunk)
    return JsonResponse(
        {
            "method": request.method,
            "size": size,
            "sha256": digest.hexdigest(),
            "content_length": request.META.get("CONTENT_LENGTH", ""),
            "transfer_encoding": request.META.get("HTTP_TRANSFER_ENCODING", ""),
        }
    )


def stream(request):
    """Five lines. ?delay=SECONDS waits before each but the first; ?gate=NAME holds the second back until
    the file SITE_STATE/gates/NAME exists; ?unbuffered=1 asks the proxy to pass each on at once."""
    delay = float(request.GET.get("delay", "0.02"))
    gate = gate_file(request.GET.get("gate"))
    waits = [("gate", gate) if gate and n == 1 else ("delay", delay if n else 0) for n in range(5)]
    lines = [f"line {n} of the stream\n".encode() for n in range(5)]
    content = lines_async(waits, lines) if hasattr(request, "scope") else lines_sync(waits, lines)
    response = StreamingHttpResponse(content, content_type="text/plain")
    if request.GET.get("unbuffered"):
        response["X-Accel-Buffering"] = "no"
    return response


def lines_sync(waits, lines):
    for (kind, what), line in zip(waits, lines):
        if kind == "delay":
            time.sleep(what)
        else:
            for _ in range(1000):
                if what.exists():
                    break
                time.sleep(0.01)
        yield line


async def lines_async(waits, lines):
    for (kind, what), line in zip(waits, lines):
        if kind == "delay":
            await asyncio.sleep(what)
        else:
            for _ in range(1000):
                if what.exists():
                    break
                await asyncio.sleep(0.01)
        yield line


def gate_file(name):
    return settings.STATE / "gates" / name if name and re.fullmatch(r"[a-z0-9-]+", name) else None


def download(request, size):
    """A file of SIZE KiB whose every 16 bytes name their offset; one `Range: bytes=A-B` is honoured."""
    path = numbered_file(min(size, 64 * 1024) * 1024)
    total = path.stat().st_size
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if not wanted:
        response = FileResponse(path.open("rb"), as_attachment=True, filename="numbers.bin")
        response["Accept-Ranges"] = "bytes"
        return response
    first = int(wanted[1])
    last = min(int(wanted[2] or total - 1), total - 1)
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{total}"})
    with path.open("rb") as file:
        file.seek(first)
        part = file.read(last - first + 1)
    headers = {"Content-Range": f"bytes {first}-{last}/{total}", "Content-Type": "application/octet-stream"}
    return HttpResponse(part, status=206, headers=headers)


def numbered_file(size) -> Path:
    path = settings.STATE / f"numbers-{size}.bin"
    if not path.exists():
        partial = path.with_suffix(f".{time.monotonic_ns()}")
        partial.write_bytes(b"".join(b"%015d\n" % offset for offset in range(0, size, 16)))
        partial.replace(path)
    return path


def old(request):
    return HttpResponseRedirect("/?from=old")


def old_absolute(request):
    return HttpResponseRedirect(request.build_absolute_uri("/?from=old-absolute"))


def broken(request):
    raise RuntimeError("this page is broken on purpose")


def slow(request):
    """Answers after ?seconds=S."""
    time.sleep(float(request.GET.get("seconds", "1")))
    return HttpResponse("slow, but here\n", content_type="text/plain")


def meta(request, rest):
    """What the app was told about the request."""
    told = {k: v for k, v in request.META.items() if k.startswith("HTTP_")}
    return JsonResponse(
        {
            "headers": told,
            "method": request.method,
            "path": request.path,
            "query": request.META["QUERY_STRING"],
            "scheme": request.scheme,
            "host": request.get_host(),
            "secure": request.is_secure(),
        }
    )
