"""The headers of the security policies of asset canisters, as the SDK sets them.

Source: `SecurityPolicy` in the crate `ic-asset` of https://github.com/dfinity/sdk, whose values
these are. `hardened` has the headers of `standard`; it says that the project has stricter ones.
"""

POLICIES = ("disabled", "standard", "hardened")

_OFF = (
    "accelerometer ambient-light-sensor autoplay battery camera cross-origin-isolated "
    "display-capture document-domain encrypted-media execution-while-not-rendered "
    "execution-while-out-of-viewport fullscreen geolocation gyroscope keyboard-map magnetometer "
    "microphone midi navigation-override payment picture-in-picture publickey-credentials-get "
    "screen-wake-lock sync-xhr usb web-share xr-spatial-tracking clipboard-read clipboard-write "
    "gamepad speaker-selection conversion-measurement focus-without-user-activation hid "
    "idle-detection interest-cohort serial sync-script trust-token-redemption window-placement "
    "vertical-scroll"
)
_CONTENT = (
    "default-src 'self'",
    "script-src 'self'",
    "connect-src 'self' http://localhost:* https://icp0.io https://*.icp0.io https://icp-api.io",
    "img-src 'self' data:",
    "style-src * 'unsafe-inline'",
    "style-src-elem * 'unsafe-inline'",
    "font-src *",
    "object-src 'none'",
    "base-uri 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "upgrade-insecure-requests",
)
_STANDARD = {
    "Content-Security-Policy": "".join(f"{one};" for one in _CONTENT),
    "Permissions-Policy": ", ".join(f"{one}=()" for one in _OFF.split()),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
}


def headers_of(policy: str) -> "dict[str, str]":
    """The headers that a policy brings."""
    return {} if policy == "disabled" else dict(_STANDARD)
