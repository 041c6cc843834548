"""Roles about the rights statements inside files, in XMP and EXIF."""

from __future__ import annotations

from pipelines.demo.roles.role import Author, Role, all_deals, by_deal, generative_deals

# A contributor who consents, but without a signed agreement that would override the file.
_UNSIGNED = (Author("unsigned", 10_000),)
_NO_GENERATIVE_TRAINING = {"data_mining": "PROHIBITED-GENAIMLTRAINING"}
_AI_GENERATED = {"source_type": "trainedAlgorithmicMedia"}


def _contradicts(name: str, reason: str, **xmp_fields: str) -> Role:
    """Returns a role whose file states in XMP what the catalogue does not say."""
    return Role(name, file_reasons=all_deals(reason), file_style="jpeg_xmp", xmp_fields=xmp_fields)


FILE_ROLES = (
    Role(
        "file_denies",
        file_reasons=generative_deals("file.denied"),
        authors=_UNSIGNED,
        file_style="jpeg_xmp",
        xmp_fields=_NO_GENERATIVE_TRAINING,
        per_thousand=4,
    ),
    # A signed agreement overrides the file's preference; both are kept on record.
    Role(
        "file_denies_agreed",
        file_style="jpeg_xmp",
        xmp_fields=_NO_GENERATIVE_TRAINING,
        per_thousand=3,
    ),
    Role(
        "file_denies_all",
        file_reasons=all_deals("file.denied"),
        authors=_UNSIGNED,
        file_style="png_xmp",
        xmp_fields={"data_mining": "PROHIBITED"},
        essential=False,
    ),
    Role(
        "file_denies_but_search",
        file_reasons=all_deals("file.denied"),
        authors=_UNSIGNED,
        file_style="webp_xmp",
        xmp_fields={"data_mining": "PROHIBITED-EXCEPTSEARCHENGINEINDEXING"},
        essential=False,
    ),
    Role(
        "file_against_grant",
        file_reasons=generative_deals("conflict.grant file.denied"),
        columns={"grant_train_gen": "allow"},
        authors=_UNSIGNED,
        file_style="jpeg_xmp",
        xmp_fields=_NO_GENERATIVE_TRAINING,
    ),
    Role(
        "file_conditional",
        file_reasons=all_deals("file.conditional"),
        authors=_UNSIGNED,
        file_style="jpeg_xmp",
        xmp_fields={"data_mining": "PROHIBITED-SEECONSTRAINT"},
    ),
    Role(
        "file_unreadable", file_reasons=all_deals("file.unreadable"), file_style="jpeg_xmp_entity"
    ),
    Role(
        "file_generated",
        file_reasons=by_deal(
            "conflict.source file.ai_generated",
            "conflict.source",
            "conflict.source file.ai_generated",
        ),
        file_style="jpeg_xmp",
        xmp_fields=_AI_GENERATED,
    ),
    # The images deal accepts an unstated source and labels AI-generated assets, so the file's
    # statement is sufficient for it.
    Role(
        "file_generated_unstated",
        generative_deals("source.unstated"),
        {"digital_source_type": None},
        file_style="jpeg_xmp",
        xmp_fields=_AI_GENERATED,
        essential=False,
    ),
    _contradicts("file_has_model", "conflict.model_release", model_release="MR-UMR"),
    _contradicts("file_has_property", "conflict.property_release", property_release="PR-LPR"),
    _contradicts("file_names_release", "conflict.release_ids", release_id="MR-2019-0044"),
    _contradicts("file_shows_minor", "conflict.minors", minor_age="AG-A16"),
    _contradicts("file_names_person", "conflict.people", person="Ada Example"),
    Role(
        "file_names_licence",
        file_reasons=all_deals("conflict.licence"),
        authors=_UNSIGNED,
        file_style="jpeg_xmp",
        xmp_fields={"licence": "https://creativecommons.org/licenses/by-nc/4.0/"},
    ),
    Role(
        "file_holds_another",
        file_reasons=all_deals("file.unjudged_content"),
        file_style="jpeg_appended",
    ),
    Role(
        "file_of_another", file_reasons=all_deals("conflict.copyright"), file_style="jpeg_xmp_owner"
    ),
    # Delivered, together with the constraint that the file states.
    Role(
        "file_not_to_crop",
        file_style="jpeg_xmp",
        xmp_fields={"alteration": "AL-CRP"},
        per_thousand=3,
    ),
)
