"""Roles about what a file itself says of its rights, in its XMP and EXIF."""

from __future__ import annotations

from pipelines.demo.roles.role import Author, Role, every, generative, reasons

# Someone who says yes, but signed nothing that would prevail over the file's no.
_UNSIGNED = (Author("unsigned", 10_000),)
_NO_GENERATORS = {"data_mining": "PROHIBITED-GENAIMLTRAINING"}
_GENERATED = {"source_type": "trainedAlgorithmicMedia"}

FILE_ROLES = (
    Role(
        "file_denies",
        file_reasons=generative("file.denied"),
        authors=_UNSIGNED,
        file="jpeg_xmp",
        says=_NO_GENERATORS,
        share=4,
    ),
    # An agreement prevails over a preference; both stay on record.
    Role("file_denies_agreed", file="jpeg_xmp", says=_NO_GENERATORS, share=3),
    Role(
        "file_denies_all",
        file_reasons=every("file.denied"),
        authors=_UNSIGNED,
        file="png_xmp",
        says={"data_mining": "PROHIBITED"},
        essential=False,
    ),
    Role(
        "file_denies_but_search",
        file_reasons=every("file.denied"),
        authors=_UNSIGNED,
        file="webp_xmp",
        says={"data_mining": "PROHIBITED-EXCEPTSEARCHENGINEINDEXING"},
        essential=False,
    ),
    Role(
        "file_against_grant",
        file_reasons=generative("conflict.grant file.denied"),
        columns={"grant_train_gen": "allow"},
        authors=_UNSIGNED,
        file="jpeg_xmp",
        says=_NO_GENERATORS,
    ),
    Role(
        "file_conditional",
        file_reasons=every("file.conditional"),
        authors=_UNSIGNED,
        file="jpeg_xmp",
        says={"data_mining": "PROHIBITED-SEECONSTRAINT"},
    ),
    Role("file_unreadable", file_reasons=every("file.unreadable"), file="jpeg_xmp_entity"),
    Role(
        "file_generated",
        file_reasons=reasons(
            "conflict.source file.ai_generated",
            "conflict.source",
            "conflict.source file.ai_generated",
        ),
        file="jpeg_xmp",
        says=_GENERATED,
    ),
    # A deal that takes what nobody stated, and labels what is generated, believes the file.
    Role(
        "file_generated_unstated",
        generative("source.unstated"),
        {"digital_source_type": None},
        file="jpeg_xmp",
        says=_GENERATED,
        essential=False,
    ),
    Role(
        "file_has_model",
        file_reasons=every("conflict.model_release"),
        file="jpeg_xmp",
        says={"model_release": "MR-UMR"},
    ),
    Role(
        "file_has_property",
        file_reasons=every("conflict.property_release"),
        file="jpeg_xmp",
        says={"property_release": "PR-LPR"},
    ),
    Role(
        "file_names_release",
        file_reasons=every("conflict.release_ids"),
        file="jpeg_xmp",
        says={"release_id": "MR-2019-0044"},
    ),
    Role(
        "file_shows_minor",
        file_reasons=every("conflict.minors"),
        file="jpeg_xmp",
        says={"minor_age": "AG-A16"},
    ),
    Role("file_of_another", file_reasons=every("conflict.copyright"), file="jpeg_xmp_owner"),
    # Delivered, with what it asks of whoever uses it.
    Role("file_not_to_crop", file="jpeg_xmp", says={"alteration": "AL-CRP"}, share=3),
)
