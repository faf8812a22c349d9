"""Languages by name, as BMAD's files give them, and by code."""

from __future__ import annotations

import re

_CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")

_NAMES = {
    "arabic": "ar", "bahasa indonesia": "id", "brazilian portuguese": "pt-br", "bulgarian": "bg", "català": "ca",
    "catalan": "ca", "chinese": "zh", "croatian": "hr", "czech": "cs", "čeština": "cs", "danish": "da", "dansk": "da",
    "deutsch": "de", "dutch": "nl", "english": "en", "español": "es", "estonian": "et", "finnish": "fi",
    "français": "fr", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "italiano": "it", "japanese": "ja", "korean": "ko", "latvian": "lv",
    "lithuanian": "lt", "magyar": "hu", "nederlands": "nl", "norsk": "nb", "norwegian": "nb", "persian": "fa",
    "polish": "pl", "polski": "pl", "portuguese": "pt", "português": "pt", "română": "ro", "romanian": "ro",
    "russian": "ru", "serbian": "sr", "slovak": "sk", "slovenian": "sl", "spanish": "es", "suomi": "fi",
    "svenska": "sv", "swedish": "sv", "thai": "th", "turkish": "tr", "türkçe": "tr", "ukrainian": "uk",
    "vietnamese": "vi", "ελληνικά": "el", "русский": "ru", "українська": "uk", "עברית": "he", "العربية": "ar",
    "हिन्दी": "hi", "中文": "zh", "日本語": "ja", "한국어": "ko",
}  # fmt: skip


def language_code(said: str) -> str:
    """The lower-case code (`en`, `pt-br`) of a language by code or name; "" where it is neither."""
    word = said.strip().lower().replace("_", "-")
    if word in _NAMES:
        return _NAMES[word]
    return word if _CODE.fullmatch(word) else ""
