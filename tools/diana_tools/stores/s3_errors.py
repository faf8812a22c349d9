"""What the AWS SDK raises, as the codes of a store; its words without anything secret."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diana_tools.errors import BackupError
from diana_tools.redaction import bounded

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_REFUSED = frozenset({
    "403", "401", "AccessDenied", "Forbidden", "Unauthorized", "InvalidAccessKeyId", "SignatureDoesNotMatch",
    "ExpiredToken", "InvalidToken", "AllAccessDisabled", "AccountProblem", "RequestTimeTooSkewed",
})  # fmt: skip
_NO_BUCKET = frozenset(
    {"NoSuchBucket", "301", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName"}
)
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_CREDENTIALS = (
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "NoAuthTokenError", "ConfigParseError",
)  # fmt: skip
_UNREACHABLE = ("HTTPClientError", "ConnectionError")


def response_code(error: ClientError) -> str:
    """The server's own code, such as NoSuchKey, or the status where an answer has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def explained(store: str, location: str) -> Generator[None]:
    """Let the SDK work; what it raises comes out as a BackupError.

    Raises:
        BackupError: `store_no_credentials`, `store_unreachable`, `store_no_bucket`, `store_refused`,
            `store_missing`, `store_mismatch`, `store_put_failed`.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refusal(store, location, _answered(error), error) from None
    except Boto3Error as error:
        inner = error.__context__
        code = _answered(inner) if isinstance(inner, ClientError) else "store_put_failed"
        raise _refusal(store, location, code, inner or error) from None
    except BotoCoreError as error:
        raise _refusal(store, location, _of_the_sdk(error), error) from None
    except ResponseParserError as error:
        raise _refusal(store, location, "store_unreachable", error) from None
    except AttributeError as error:
        # The SDK takes the body of a 5xx answer to a download for text, where it has made a stream of it.
        if "StreamingChecksumBody" not in str(error):
            raise
        raise _refusal(store, location, "store_unreachable", ConnectionError("HTTP 5xx")) from None


def _answered(error: ClientError) -> str:
    code = response_code(error)
    if code in _REFUSED:
        return "store_refused"
    if code in _NO_BUCKET or (code in _MISSING and error.operation_name == "HeadBucket"):
        return "store_no_bucket"
    return "store_missing" if code in _MISSING else "store_put_failed"


def _of_the_sdk(error: Exception) -> str:
    names = {base.__name__ for base in type(error).__mro__}
    if names & set(_CREDENTIALS):
        return "store_no_credentials"
    if "FlexibleChecksumError" in names:
        return "store_mismatch"
    return "store_unreachable" if names & set(_UNREACHABLE) else "store_put_failed"


def _refusal(store: str, location: str, code: str, error: BaseException) -> BackupError:
    return BackupError(code, {"store": store, "location": location, "error": bounded(str(error), 300)})
