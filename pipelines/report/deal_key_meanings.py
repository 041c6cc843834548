"""The meaning of each deal key, for docs, editors and messages.

Types, defaults and allowed values come from the model (`schemas.deal`).
"""

from __future__ import annotations

DEAL_KEY_MEANINGS = {
    "deal_id": "names the deal: up to 64 of a-z, 0-9 and `-`, no `-` at an end; not `agency`",
    "buyer": "who buys, on one line",
    "purposes": "what the buyer may do; `inference` is always required as well",
    "territory": "where the buyer may do it",
    "starts": "first day of the term",
    "ends": "last day of the term, after `starts`",
    "profile": "intended use, which decides what a sample has: [profiles.md](profiles.md)",
    "media": "kinds of asset to include",
    "agency.legal_name": "the agency's name as in contracts, on one line; without it, a delivery "
    "says that it is not stated",
    "agency.removal_contact": "whom the buyer asks about removals: an e-mail or `https://` "
    "address; without it, a delivery says that it is not stated",
    "rights.editorial": "editorial material",
    "rights.ai_generated": "AI-generated material; `label` accepts it and marks each sample",
    "rights.minors": "minors; `guardian-release` accepts them with a guardian's release",
    "rights.people": "people: with a release, with a release and biometric rider, or none",
    "rights.unknown_people_count": "assets whose number of people is not known",
    "rights.sensitive": "assets marked sensitive",
    "rights.inference": "consent to captions and embeddings; `unless-denied` accepts assets with "
    "no answer, `pack-without` delivers assets without consent with neither",
    "rights.consent_basis": "what a contributor's yes must rest on: any basis, or only an explicit "
    "one, so that terms, silence and an unstated basis are not enough",
    "rights.unknown_property": "assets with no information on whether they show protected property",
    "rights.unknown_source": "assets with no information on how they were made",
    "rights.non_commercial": "licence codes with NC",
    "rights.no_derivatives": "licence codes with ND",
    "rights.share_alike": "licence codes that ask for the same licence in return (SA, GPL, ODbL "
    "and others), which require a review",
    "rights.ends_early": "rights that end before the deal; `until` accepts and dates them",
    "rights.shoot_range": "a release's shoot dates; they must include the asset's `created_at`",
    "rights.max_shoot_days": "maximum number of days that a release may cover",
    "rights.witness": "a release's witness: must be independent, must exist and be independent, or "
    "may be anybody",
    "rights.copyright_conflicts": "files whose EXIF, IIM and XMP name different owners",
    "rights.unjudged_content": "pictures, films and bytes in a file that are not examined: "
    "a second picture, later frames, anything after its end",
    "rights.denial_phrases": "phrases in a file's text that deny, beyond the built-in words",
    "rights.copies_of_refused": "other assets with the file of a refused one; `refuse` reads the "
    "refused assets' files to find them, `refuse-listed` compares `media_uri` and `sha256` only",
    "rights.personal_data": "personal data in files and texts: deliver files as they are, with "
    "rights statements as their only metadata, or with none; `refuse` refuses the assets",
    "rights.faces": "more faces in the picture than the catalogue's `people_count`: do not look, "
    "report them to the agency, or refuse the assets; needs `fairshard[quality]`",
    "rights.missing_credit": "assets under a licence that asks to name the author, where the "
    "catalogue gives no name that may be shown ([delivery.md](delivery.md#attribution))",
    "rights.precedence": "which rules where a sample's licence code and the deal differ; with "
    "`stricter`, both must permit a use",
    "agreements.ref": "reference of the agreement: a number or clause",
    "agreements.signed_at": "when it was signed; it applies from that day",
    "agreements.purposes": "purposes that it grants",
    "agreements.contributors": 'contributors whose works it covers: ids, or `"all"` alone',
    "rulings.ref": "reference of the agency's ruling on who owns a work",
    "rulings.owner": "the contributor whose work it is",
    "rulings.files": "what it is about: the sha256 of files, or the ids of all assets with a file",
    "select.min_short_side": "minimum length of the shorter side in pixels",
    "select.keywords_any": "an asset must have one of these; with none listed, every asset passes",
    "select.keywords_none": "an asset must have none of these",
    "select.dedupe": "which duplicates to exclude: none, identical bytes, also assets that show "
    "the same, or also those with nearly the same embedding",
    "select.blank": "pictures and films in which there is nothing to see",
    "select.max_black_share": "maximum share of a film's length that may be black",
    "select.max_frozen_share": "maximum share of a film's length that may show still pictures",
    "select.max_silent_share": "maximum share of a film's length in which its sound may be "
    "silent; films without sound pass",
    "select.semantic_cosine": "minimum cosine of the embeddings of semantic duplicates",
    "select.keep_both": "pairs of asset ids that are different works, however alike they look",
    "select.only": "the only assets to deliver: a file with an asset id on each line, relative to "
    "the folder where the command runs, or the ids; with none listed, every asset passes; "
    "`fairshard quote --cover` chooses such a list ([quote.md](quote.md#choosing-assets))",
    "select.max_assets": "maximum number of delivered assets",
    "render.images": "pictures to render: none, those that stock loaders show differently, or "
    "all; `refuse` refuses those that they show differently; `auto` is `flagged` in the profile "
    "image-text and `native` in others; see below",
    "render.longest_side": "maximum length of the longer side in pixels",
    "render.format": "format of renditions",
    "render.quality": "quality of JPEG and WebP",
    "render.background": "what transparent areas show in renditions",
    "render.films": "films: delivered as they are, copied into MP4, or encoded again as displayed",
    "render.film_codec": "codec of films that are encoded again",
    "render.film_longest_side": "maximum length of the longer side of such films in pixels",
    "render.audio": "films' sound; `drop` removes it, without encoding pictures again",
    "quality.min_sharpness": "minimum sharpness of the picture; see [media.md](media.md#measures)",
    "quality.min_brightness": "minimum mean brightness",
    "quality.max_brightness": "maximum mean brightness",
    "quality.max_clipped": "maximum share that is black or white without detail",
    "quality.max_nsfw": "maximum score for nudity and gore, by comparison with prompts",
    "quality.min_aesthetics": "minimum score for looks, by comparison with prompts",
    "quality.max_text_area": "maximum share of the picture that text covers",
    "quality.watermark": "pictures with a watermark in them",
    "quality.aspects": "the accepted aspect ratios, each with the ratios that are nearest to it; "
    "with none listed, every ratio passes",
    "models.clip": "the model for embeddings; see [models.md](models.md)",
    "models.captioner": "the model for captions; see [models.md](models.md)",
    "models.precision": "the precision of both models; `auto` is bf16 where the processor has "
    "units for it and the results agree, else fp32; see [models.md](models.md#precision)",
    "models.device": "the device that runs both models; `auto` is a GPU where torch has one, else "
    "the processor; see [models.md](models.md#gpu)",
    "captions.vocabulary": "a file with the concepts for tags and zero-shot captions, relative to "
    "the folder where the command runs; without it, "
    "one in the package is used; see [models.md](models.md#vocabulary)",
    "captions.flagged": "captions of models that name a person, an e-mail address or a phone "
    "number that the contributor's texts do not: deliver them with a flag, leave them out, or "
    'refuse their assets; `keep` leaves them out, too, unless `rights.personal_data` is `"keep"`; '
    "see [models.md](models.md#flagged-captions)",
    "captions.p_synthetic_bp": "how often the recommended caption is the model's, of 10,000 "
    "samples that also have a title or description; see "
    "[models.md](models.md#the-recommended-caption)",
    "captions.language": "the language that the captioner writes, BCP 47",
    "captions.endpoint.hosts": "hosts that pictures may be sent to for captions; see "
    "[models.md](models.md#an-endpoint)",
    "captions.endpoint.prompt": "what the endpoint's model is told to do with a picture",
    "captions.endpoint.version": "version of the endpoint's model, part of the captions' identity",
    "captions.endpoint.max_tokens": "maximum length of a caption",
    "captions.endpoint.timeout_s": "how long the endpoint may take for one caption, in seconds",
    "captions.endpoint.concurrency": "pictures that one process asks about at once",
    "clips.min_frames": "only in the profile `first-last-frame`: minimum frames of a clip; shorter "
    "shots give none",
    "clips.max_frames": "maximum frames of a clip, or 0 for no limit; of a longer shot, the middle "
    "is taken",
    "structure.every": "only in the profiles `structure-video` and `structure-depth`: every "
    "n-th frame is embedded, and has a depth map in the latter",
    "price.currency": "ISO 4217 code in capitals",
    "price.pool": "what the buyer pays, with the currency's number of decimals, zero or more; at "
    "most 2^53 − 1 minor units, such as 90071992547409.91 USD",
    "price.agency_share": "the agency's share of the pool; the rest goes to the contributors",
    "price.allocation": "how the rest is divided: evenly, by `weight`, by samples, or in the ratio "
    "of `two_factor`",
    "price.two_factor.proportional": "the part that is divided evenly; the rest is by `weight`",
    "price.base": "which assets are paid: those delivered, or all that the rights cleared",
    "price.weights.starts": "first day on which the weights were counted; recorded with the pool",
    "price.weights.ends": "last day on which the weights were counted",
    "price.weights.source": "what was counted, such as licences sold",
    "price.minimum": "minimum amount for each payee",
    "price.cap": "maximum share of the contributors' part for one payee",
    "price.deductions.name": "what is deducted from the pool before it is divided",
    "price.deductions.amount": "how much, if it is fixed",
    "price.deductions.share": "how much, as a share of what the deductions before it leave",
    "price.levels.name": "a level that classes may name; the level of all that no level lists "
    "is `other`",
    "price.levels.contributors": "ids of the contributors in it",
    "price.levels.assets": "ids of the assets in it, such as exclusive ones",
    "price.levels.starts": "first day on which the level applies, if not always",
    "price.levels.ends": "last day on which the level applies, if not always",
    "price.agency_classes.media": "the kind of asset in the class, if not all",
    "price.agency_classes.level": "the level in the class, if not all",
    "price.agency_classes.agency_share": "the agency's share of what the class's assets earn",
    "price.other_currencies": "contributors with another `currency` than the deal's: credit them "
    "in the deal's, to be converted when they are paid out; mark the money as held as well; or "
    "stop the run",
    "shards.target_bytes": "target size of a shard",
    "shards.min_shards": "minimum number of shards of each family and split, if there are enough "
    "samples: the buyer's ranks, times the workers of each",
    "shards.counts": "`equal`: all shards of a family and split have the same number of samples, "
    "or one more, and their number is a multiple of `shards.min_shards`",
    "shards.wids_md5": "whether wids' index has the MD5 of each tar, which takes a fifth of the "
    "time that writing shards takes; wids reads an index without it",
    "split.validation_bp": "share of samples for validation, in ten-thousandths; see below",
    "split.groups": "whether samples say their group (`group_id`), which tells what samples share "
    "a contributor",
    "split.together": "samples that are never divided between splits: all of a contributor, or "
    "those that one made on a day",
    "output.uri": "where deliveries go: a folder or an `s3://` prefix; not a term of the deal",
    "sources.roots": "additional folders or `s3://` prefixes that media may be in",
    "sources.hosts": "web servers that media may come from",
    "sources.trust_lists": "PEM files with the certificates that make C2PA signers trusted",
    "gate.divert": "catalogue check rules that do not stop the run; see below",
    "limits.dead_letter_share": "maximum share of catalogue rows that may become failed assets",
    "limits.max_pixels": "maximum number of pixels of an image or a video frame",
    "limits.max_media_bytes": "maximum size of a file in bytes",
    "withdrawal.money": "what was credited for assets that are removed later: contributors keep "
    "it, or it is taken back ([removal.md](removal.md))",
    "withdrawal.recurring": "removed assets in later revenue: they still share in it, stop at "
    "once, or stop with the next period",
    "withdrawal.way": "how samples are taken out: in new shards, or overwritten in place",
    "withdrawal.deadline_days": "days that the buyer has to delete, from the effective date",
    "withdrawal.reinstated": "ids of notices of removal whose assets may be delivered again; all "
    "others are refused, in every deal of the output ([removal.md](removal.md))",
}
