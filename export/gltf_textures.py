"""The images of a glTF document: which are drawn, their sizes, and their memory on the GPU."""

from __future__ import annotations

from collections.abc import Iterable

from worldgen.export.costs import TextureCost
from worldgen.export.gltf_reading import Document
from worldgen.export.image_headers import read_image_header

# Extensions of a texture that name a better image than ``source``, which clients without them take.
IMAGE_EXTENSIONS = ("KHR_texture_basisu", "EXT_texture_webp", "EXT_texture_avif", "MSFT_texture_dds")


class ImageTable:
    """Looks up the images of a document's materials.

    Attributes
    ----------
    costs : of all images, used or not, in the file's order.
    """

    def __init__(self, document: Document, materials: Iterable[int]) -> None:
        self._materials = document.json.tables("materials")
        self._textures = document.json.tables("textures")
        self._images = document.json.tables("images")
        self._of_material: dict[int, tuple[set[int], set[int]]] = {}
        used = [self.of_material(material) for material in materials]
        drawn = {image for better, _ in used for image in better}
        fallback = {image for _, plain in used for image in plain} - drawn
        self._replaced = {image for better, plain in used for image in better - plain}
        self.costs: list[TextureCost] = []
        for number, image in enumerate(self._images):
            use = "drawn" if number in drawn else "fallback" if number in fallback else "unused"
            if "uri" in image:
                data, name = document.resources.read(image.uri("uri"), image.where), image.text("uri")
            else:
                view = image.integer("bufferView", below=1 << 31)
                data, name = document.view_bytes(view), f"image {number}"
            header = read_image_header(data, image.where)
            name = image.text("name") or ("data URI" if name[:5].lower() == "data:" else name)
            self.costs.append(
                TextureCost(
                    name, header.format, header.width, header.height, len(data), header.gpu_bytes, use
                )
            )

    def of_material(self, material: int) -> tuple[set[int], set[int]]:
        """Return the images that a client draws a material with, and those that a plain one does."""
        if material not in self._of_material:
            better: set[int] = set()
            plain: set[int] = set()
            for key, info in self._materials[material].walk():
                if key.endswith("Texture") and "index" in info:
                    texture = self._textures[info.integer("index", below=len(self._textures))]
                    source = texture.index("source", len(self._images))
                    extensions = texture.table("extensions")
                    names = [name for name in IMAGE_EXTENSIONS if name in extensions]
                    best = extensions.table(names[0]).index("source", len(self._images)) if names else source
                    better |= {image for image in (best,) if image is not None}
                    plain |= {image for image in (source,) if image is not None}
            self._of_material[material] = (better, plain)
        return self._of_material[material]

    def memory(self, materials: Iterable[int]) -> int:
        """GPU memory of all images of some materials, each counted once."""
        images = {image for material in materials for image in self.of_material(material)[0]}
        return sum(self.costs[image].memory_bytes for image in images)

    @property
    def total_memory(self) -> int:
        """GPU memory of all images that are drawn."""
        return sum(cost.memory_bytes for cost in self.costs if cost.use == "drawn")

    @property
    def fallback_memory(self) -> int:
        """The same for a client that takes the fallbacks; 0 where there are none."""
        fallback = sum(cost.memory_bytes for cost in self.costs if cost.use == "fallback")
        if not fallback:
            return 0
        kept = [
            cost
            for number, cost in enumerate(self.costs)
            if cost.use == "drawn" and number not in self._replaced
        ]
        return fallback + sum(cost.memory_bytes for cost in kept)
