"""What the guarded child does to make renditions."""

from __future__ import annotations

from pipelines.features.child_metadata import trust_lists
from pipelines.features.pipe_messages import Answer, Header
from pipelines.media.formats import parse_format
from schemas.errors import BadRecord
from schemas.reasons import Reason


def _render(request: Header, data: bytes) -> Answer:
    from pipelines.media.render import RenderSettings, render_picture
    from pipelines.signals.strip.carry import carry_metadata
    from pipelines.signals.strip.kept import CannotStripError

    fmt, target = parse_format(request["format"]), parse_format(request["target"])
    red, green, blue = map(int, request["background"])
    settings = RenderSettings(
        target, int(request["quality"]), int(request["side"]), (red, green, blue)
    )
    rendered = render_picture(data, fmt, int(request["max_pixels"]), settings)
    try:
        setting = str(request["setting"])
        carried = carry_metadata(data, fmt, rendered, target, setting, trust_lists(request))
    except CannotStripError as error:
        raise BadRecord(Reason.RENDITION_NOT_MADE, str(error)) from error
    return {}, [carried]


def _render_film(request: Header, data: bytes) -> Answer:
    from pipelines.media.render_film import FilmSettings, render_film
    from pipelines.signals.strip.carry_film import finish_film
    from pipelines.signals.strip.kept import CannotStripError

    fmt, setting = parse_format(request["format"]), str(request["setting"])
    film = render_film(data, int(request["max_pixels"]), FilmSettings(**request["settings"]))
    try:
        finished = finish_film(data, fmt, film.data, setting, trust_lists(request))
    except CannotStripError as error:
        raise BadRecord(Reason.RENDITION_NOT_MADE, str(error)) from error
    facts = {name: value for name, value in vars(film).items() if name != "data"}
    return {"facts": facts}, [finished]


def _silence(request: Header, data: bytes) -> Answer:
    from pipelines.media.picture_track import picture_track
    from pipelines.signals.file.embedded import read_embedded
    from pipelines.signals.strip.kept import CannotStripError
    from pipelines.signals.strip.sound import strip_sound
    from pipelines.signals.strip.strip import check_rights, strip_metadata

    fmt, setting, trust = parse_format(request["format"]), request["setting"], trust_lists(request)
    try:
        silent = strip_sound(data)
        if picture_track(silent) != (picture_track(data)[0], False):
            raise CannotStripError("sound and picture of the film cannot be told apart")
        if setting in ("none", "rights-only"):
            silent = strip_metadata(silent, fmt, setting, 1, trust)
        else:
            before, after = (read_embedded(one, fmt, trust) for one in (data, silent))
            check_rights(before, after, removes_personal=False)
    except CannotStripError as error:
        raise BadRecord(Reason.RENDITION_NOT_MADE, str(error)) from error
    return {}, [silent]


RENDITION_ANSWERS = {
    "render": _render,
    "render_film": _render_film,
    "silence": _silence,
}
