"""The networks that are trained here: what each is built of, and what its first stage begins as."""
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    name: str        # of the file in models/
    title: str       # what the card calls it
    arch: str        # key of model.ARCHS
    size: int        # side of the square input, pixels
    proposals: int   # regions the second stage looks at
    begin: str       # teacher.FILES key the first stage begins as; "" = at random
    trunk: str       # the trunk in words
    # widths of a network that netadapt.py shrank; 0 or none: the architecture's own
    branches: tuple = ()   # between the pointwise convolutions of each unit's second branch, unit by unit
    neck: int = 0          # channels of neck and towers
    thin: int = 0          # channels that the second stage pools
    hidden: int = 0        # width of its fully connected layers
    finest: int = 0        # side below which the second stage pools from P3; 0: roi.FINEST


RECIPES = {r.name: r for r in (
    Recipe("riffle-v2-1.5x", "The default detector of riffle", "shufflenet_v2_x1.5", 352, 64,
           "NanoDet-Plus-m-1.5x", "ShuffleNet v2 1.5x"),
    Recipe("riffle-v2-1.0x-256", "The small detector of riffle, for boards like a Raspberry Pi", "shufflenet_v2_x1.0", 256, 48,
           "NanoDet-Plus-m", "ShuffleNet v2 1.0x"),
    Recipe("riffle-v1-1.0x-g3", "A detector on ShuffleNet v1 with grouped pointwise convolutions", "shufflenet_v1_x1.0_g3", 320, 64,
           "", "ShuffleNet v1 1x, g = 3"),
)}
DEFAULT = RECIPES["riffle-v2-1.5x"]


def to_saved(recipe):
    """As checkpoints name it: a known recipe's name, or all fields of another's."""
    return recipe.name if RECIPES.get(recipe.name) == recipe else asdict(recipe)


def of_saved(recipe):
    """The recipe of a checkpoint, which holds a known one's name, or all fields of a shrunk network's."""
    return RECIPES[recipe] if isinstance(recipe, str) else Recipe(**{**recipe, "branches": tuple(recipe["branches"])})


def of_header(header):
    """The recipe of an exported file's header; input and proposals are the file's own."""
    known = next((r for r in RECIPES.values() if r.arch == header["arch"]), DEFAULT)
    return Recipe(header["name"], known.title, header["arch"], header["input"][0], header["roi"]["proposals"], known.begin, known.trunk,
                  tuple(header.get("branch_widths", ())), header["neck_channels"], header["roi"]["channels"], header["roi"]["hidden"], header["roi"].get("finest", 0))
