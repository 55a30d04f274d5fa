"""Translation of messages, for plugins that import `_` from here; see the usage chapter of oslo.i18n."""

import oslo_i18n

DOMAIN = "os_vif"

_ = oslo_i18n.TranslatorFactory(domain=DOMAIN).primary


def translate(value: str, user_locale: str | None) -> str:
    """Return `value`, a message made by `_` under lazy translation, in the language of `user_locale`."""
    return oslo_i18n.translate(value, user_locale)


def get_available_languages() -> list[str]:
    """Return the languages there are translations for, e.g. "en_US", "de"."""
    return oslo_i18n.get_available_languages(DOMAIN)
