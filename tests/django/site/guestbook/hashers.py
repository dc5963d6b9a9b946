"""A password hasher that costs the tests no time."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    algorithm = "pbkdf2_quick"
    iterations = 1
