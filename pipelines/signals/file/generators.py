"""Recognises what image generators write into their files: parameters, prompts, their own names.

A generator's text means that the picture was generated, whatever the catalogue says of it.
"""

from __future__ import annotations

import re
from enum import StrEnum

GENERATED = "trainedAlgorithmicMedia"  # IPTC's term


class TextRole(StrEnum):
    """What a field of text is for."""

    RIGHTS = "rights"  # about rights, by its definition
    TOOL = "tool"  # the software or the maker
    NOTE = "note"  # comments and texts under any key
    PROSE = "prose"  # titles, descriptions, keywords, names


# Keys under which generators keep their parameters, in PNG texts and comments.
_OWN_KEYS = {
    "parameters": "Stable Diffusion",
    "sd-metadata": "InvokeAI",
    "sd_metadata": "InvokeAI",
    "dream": "InvokeAI",
    "invokeai_metadata": "InvokeAI",
    "invokeai_graph": "InvokeAI",
    "invokeai_workflow": "InvokeAI",
    "fooocus_scheme": "Fooocus",
    "generation_data": "TensorArt",
    "generation_parameters": "Stable Diffusion",
    "negative_prompt": "Stable Diffusion",
    "negative prompt": "Stable Diffusion",
    "aigc": "a generator",
    "swarmui": "SwarmUI",
    "sui_image_params": "SwarmUI",
    "dreamstudio": "DreamStudio",
    "prompt": "ComfyUI",
    "workflow": "ComfyUI",
}
_NAMES = re.compile(
    r"stable[ _-]?diffusion|\bsdxl\b|sd_xl|midjourney|\bniji ?journey|dall[\s·•.∙-]?e\b|"
    r"adobe firefly|comfy ?ui|novel ?ai|invoke ?ai|automatic1111|fooocus|leonardo\.? ?ai|"
    r"ideogram\.? ?ai|\bflux[ .-]?(?:1|2|pro|dev|schnell)\b|black forest labs|google imagen|"
    r"openai sora|runway ?ml|bing image creator|image creator from (?:microsoft )?designer|"
    r"\bchatgpt\b|\bgpt-?4o\b|gpt-image|google gemini|nano banana|made with google ai|"
    r"playground ?ai|dream ?studio|stability ?ai|craiyon|night ?cafe|artbreeder|swarm ?ui|"
    r"easy diffusion|diffusionbee|draw things|pika ?labs|kling ?ai|generative fill|"
    r"generative expand|ai[- ]generated|generated (?:by|with|using) (?:an? )?ai\b",
    re.IGNORECASE,
)
# Names that are words of their own as well: only as the software's name.
_TOOL_NAMES = re.compile(
    r"\bfirefly\b|\bsora\b|\bgemini\b|\bgrok\b|\bideogram\b|\brecraft\b|\bimagen\b|"
    r"\bopenai\b|\bflux\b|\bluma\b|\brunway\b|\bniji\b",
    re.IGNORECASE,
)
_PARAMETERS = re.compile(
    r"\bsteps: ?\d+\b.{0,4000}?\b(?:sampler|cfg scale|seed|model(?: hash)?) ?:"
    r"|\bcfg scale ?: ?\d|\bnegative prompt ?:|\"class_type\"\s*:|\"cfg_scale\"\s*:"
    r"|\"(?:sampler|sampler_name|scheduler)\"\s*:.{0,4000}?\"(?:steps|seed|cfg)\"\s*:"
    r"|\"(?:steps|seed|cfg)\"\s*:.{0,4000}?\"(?:sampler|sampler_name|scheduler)\"\s*:"
    r"|\"last_node_id\"\s*:|\"AIGC\"\s*:|\"ckpt_name\"\s*:|\"sui_image_params\"",
    re.IGNORECASE | re.DOTALL,
)
# A title, keyword or caption that says so of the picture itself: the whole of it, or its beginning.
_LABEL = re.compile(
    r"\s*(?:"
    r"(?:this (?:image|picture|photo|work) (?:is|was) |an? )?"
    r"(?:ai|ki|ia)[- ](?:generated|generiert)\b|"
    r"(?:this (?:image|picture|photo|work) (?:is|was) )?generated (?:by|with) (?:an? )?ai\b|"
    r"(?:bild )?(?:mit|von|durch) ki (?:erzeugt|erstellt|generiert)|novelai generated|"
    r"(?:image )?g[ée]n[ée]r[ée]e? (?:par|avec) (?:l['’]|une )?ia\b|"
    r"(?:imagen )?(?:generad|cread)[oa] (?:por|con) ia\b|"
    r"(?:immagine )?generat[oa] (?:da|con) (?:l['’])?ia\b|"
    r"ai ?(?:生成|绘画|繪圖|イラスト|생성)|"
    r"(?:midjourney|stable diffusion|dall[-·. ]?e(?: ?[23])?|generative ai|aigc|ai art)\s*$"
    r")",
    re.IGNORECASE,
)
_MIDJOURNEY = re.compile(
    r"\bjob id: ?[0-9a-f]{8}-[0-9a-f]{4}-|(?:\s|^)(?:--|—)(?:v|ar|niji|aspect|stylize|chaos|seed|"
    r"iw|weird|quality|q|s|c)[ =]?\d|(?:\s|^)--(?:style|sref|cref|no|raw|tile|profile)\b.*job id",
    re.IGNORECASE | re.DOTALL,
)
_SAID = re.compile(
    r"\b(?:generated|created|made|rendered|produced|imagined|designed|drawn|erstellt|erzeugt|"
    r"generiert|genere|généré|créé|generad[ao]|cread[ao]|generat[ao]|creat[ao])\b[^.\n]{0,40}",
    re.IGNORECASE,
)


def generator_of(key: str, text: str, role: TextRole) -> str:
    """The generator whose text this is, or ""; a name alone suffices in notes and tool fields.

    Args:
        key: The name of the field, without prefix, in any case.
        text: What it holds.
        role: What the field is for.
    """
    name = key.rpartition(":")[2].strip().casefold()
    if not text.strip() or (name not in _OWN_KEYS and len(text) < 3):
        return ""
    # A ComfyUI prompt is JSON; "prompt" may also be the key of another program's plain text.
    if role is TextRole.NOTE and name in _OWN_KEYS:
        return _OWN_KEYS[name]
    if name == "aigc":  # China's label for generated content
        return _OWN_KEYS[name]
    if _LABEL.match(text):
        return "a generator"
    if _PARAMETERS.search(text):
        return "Stable Diffusion"
    if _MIDJOURNEY.search(text):
        return "Midjourney"
    if role in (TextRole.TOOL, TextRole.NOTE):
        found = _NAMES.search(text)
        found = found or (_TOOL_NAMES.search(text) if role is TextRole.TOOL else None)
        return found[0] if found else ""
    for said in _SAID.finditer(text):
        found = _NAMES.search(said[0]) or _TOOL_NAMES.search(said[0])
        if found:
            return found[0]
    return ""
