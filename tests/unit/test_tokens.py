"""Counts are OpenAI's, offline, for any text; a damaged vocabulary is one clear sentence."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken.model import MODEL_PREFIX_TO_ENCODING, MODEL_TO_ENCODING

from mockai.core.errors import VocabularyError
from mockai.core.filler import filler
from mockai.core.tokens import (
    ALIASES,
    MAX_PIECE,
    MOST_COUNTS,
    SHORT,
    Encoding,
    encoding_for_model,
    get_encoding,
    load_encoding,
)
from mockai.core.vocabulary import VOCABULARIES, package_data, packed, published, read_ranks
from scripts import vocabulary as script

ROOT = Path(__file__).parents[2]
BOTH = ("o200k_base", "cl100k_base")

# text -> tokens in o200k_base, in cl100k_base; agreed on by tiktoken and js-tiktoken
GOLDEN = [
    ("", 0, 0),
    ("hello world", 2, 2),
    ("Hello, world!", 4, 4),
    ("こんにちは世界、お元気ですか？", 8, 11),
    ("你好，世界！这是一个测试。", 8, 12),
    ("👩‍👩‍👧‍👦 family", 12, 19),
    ("🏳️‍🌈🏴󠁧󠁢󠁥󠁮󠁧󠁿", 32, 30),
    ("👍🏽👍🏿", 6, 12),
]


@pytest.mark.parametrize("text,o200k,cl100k", GOLDEN)
def test_counts_are_those_of_openai(text: str, o200k: int, cl100k: int) -> None:
    """Both encodings give the counts that independent tokenizers agree on."""
    assert [get_encoding(name).count(text) for name in BOTH] == [o200k, cl100k]


def test_tokens_are_those_of_openai() -> None:
    """The numbers of the tokens are right too, not only how many there are."""
    assert get_encoding("o200k_base").encode("hello world") == [24912, 2375]
    assert get_encoding("cl100k_base").encode("hello world") == [15339, 1917]


@pytest.mark.parametrize("name", BOTH)
@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=50))
def test_the_bytes_of_the_tokens_are_the_text(name: str, text: str) -> None:
    """Encoding loses nothing: the tokens' bytes are the text's UTF-8."""
    encoding = get_encoding(name)
    tokens = encoding.encode(text)
    assert b"".join(encoding.token_bytes_of(tokens)) == text.encode()
    assert encoding.token_bytes_of(tokens) == [encoding.token_bytes(token) for token in tokens]
    assert encoding.count(text) == len(tokens)


class Asked:
    """A vocabulary in which each character is a token; it notes what it is asked."""

    name = "characters"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_ordinary(self, text: str) -> list[int]:
        """Return a token for each character."""
        self.texts.append(text)
        return [*map(ord, text)]


@pytest.mark.parametrize("length", [1, SHORT, SHORT + 1, MAX_PIECE])
def test_a_text_that_comes_again_is_not_encoded_again(length: int) -> None:
    """A conversation brings its whole past along, with each request."""
    asked = Asked()
    encoding = Encoding(cast("tiktoken.Encoding", asked))
    for word in "aabba":
        assert encoding.count(word * length) == length
    assert asked.texts == ["a" * length, "b" * length]


def test_counts_of_texts_that_do_not_come_again_do_not_pile_up() -> None:
    """However many there are, and they stay right."""
    asked = Asked()
    encoding = Encoding(cast("tiktoken.Encoding", asked))
    texts = [f"{number:0{SHORT + 1}}" for number in range(2 * MOST_COUNTS + 1)]
    assert {encoding.count(text) for text in texts} == {SHORT + 1}
    assert len(encoding._counts) <= MOST_COUNTS  # noqa: SLF001 - it is not shown


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("text", ["\ud83d", "\ud83d\ude00", "no words "])
def test_a_long_text_counts_the_same_the_second_time(name: str, text: str) -> None:
    """Also one that is no proper Unicode."""
    encoding = get_encoding(name)
    long = text * SHORT
    assert encoding.count(long) == encoding.count(long) == len(encoding.encode(long))


@pytest.mark.parametrize("name", BOTH)
def test_special_tokens_in_a_text_are_ordinary_text(name: str) -> None:
    """A user who writes <|endoftext|> gets neither an error nor a control token."""
    encoding = get_encoding(name)
    tokens = encoding.encode("a<|endoftext|>b")
    assert len(tokens) == 9
    assert VOCABULARIES[name].special_tokens["<|endoftext|>"] not in tokens


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    "text,read_as",
    [("\ud83d", "\ufffd"), ("a\udc00b", "a\ufffdb"), ("\ud83d\ude00", "😀")],
)
def test_surrogates_do_not_raise(name: str, text: str, read_as: str) -> None:
    """A lone surrogate, legal in JSON, counts as U+FFFD; a pair is its character."""
    encoding = get_encoding(name)
    assert encoding.encode(text) == encoding.encode(read_as)


@pytest.mark.parametrize("name", BOTH)
def test_a_million_spaces_do_not_panic(name: str) -> None:
    """White space that overflows the stack of tiktoken's regex is encoded in pieces."""
    encoding = get_encoding(name)
    text = " " * 1_000_000
    assert b"".join(encoding.token_bytes_of(encoding.encode(text))) == text.encode()


def test_a_long_text_is_encoded_in_pieces() -> None:
    """At most MAX_PIECE characters go to the encoder at once; up to there no word is cut."""
    encoding = get_encoding("o200k_base")
    cut = " " * (MAX_PIECE - 2) + "hello"
    assert encoding.encode(cut) == encoding.encode(cut[:MAX_PIECE]) + encoding.encode("llo")
    assert encoding.encode(cut[3:])[-1:] == encoding.encode(" hello")


@pytest.mark.parametrize("name", BOTH)
def test_a_long_text_of_words_is_cut_between_two_of_them(name: str) -> None:
    """There the encoder begins anew anyway, so the tokens are those of the text in one go."""
    encoding = get_encoding(name)
    text = "Don't 1234 count; (these) two things, " * (2 * MAX_PIECE // 30)
    assert encoding.encode(text) == encoding._tiktoken.encode_ordinary(text)  # noqa: SLF001
    assert encoding.count(filler(60_000, 0)) == 60_000


def test_a_pair_of_surrogates_survives_the_cut_between_pieces() -> None:
    """Two surrogates that make one character do so at a piece's edge as well; a BOM stays."""
    encoding = get_encoding("o200k_base")
    text = "\ufeff" + "a" * (MAX_PIECE - 2) + "\ud83d\ude00"
    read = b"".join(encoding.token_bytes_of(encoding.encode(text))).decode()
    assert read == "\ufeff" + "a" * (MAX_PIECE - 2) + "😀"


def test_an_unknown_token_is_a_key_error() -> None:
    """The bytes of a number that is no token cannot be asked for."""
    encoding = get_encoding("cl100k_base")
    with pytest.raises(KeyError):
        encoding.token_bytes(10**6)
    with pytest.raises(KeyError):
        encoding.token_bytes_of([15339, 10**6])


def test_an_encoding_is_loaded_once_and_says_which_it_is() -> None:
    """The quarter of a second is spent once per process; harmony is o200k under another name."""
    encoding = get_encoding("o200k_base")
    assert get_encoding("o200k_base") is encoding
    assert get_encoding("o200k_harmony") is encoding
    assert (encoding.name, repr(encoding)) == ("o200k_base", "<Encoding o200k_base>")


# --- a vocabulary that cannot be used -------------------------------------------------------------


def packed_cl100k() -> bytes:
    """The packed file as it ships."""
    return (package_data() / "cl100k_base.tokens.z").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(None, id="missing"),
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: whole[:1000], id="cut short"),
        pytest.param(lambda whole: b"version https://git-lfs.github.com/spec/v1", id="not packed"),
        pytest.param(lambda whole: whole[:5000] + b"\xff" * 9 + whole[5009:], id="garbled"),
        pytest.param(lambda whole: packed([b"!"]), id="another file"),
    ],
)
def test_a_damaged_file_is_one_sentence_with_the_path_and_the_cure(
    damage: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    """Whatever is wrong with the file, the message is the same and names it."""
    path = tmp_path / "cl100k_base.tokens.z"
    if damage is not None:
        path.write_bytes(damage(packed_cl100k()))
    with pytest.raises(VocabularyError) as caught:
        load_encoding("cl100k_base", tmp_path)
    expected = f"vocabulary cl100k_base is missing or damaged ({path}); reinstall mockai-server"
    assert str(caught.value) == expected


def test_a_sound_file_is_read_from_any_directory(tmp_path: Path) -> None:
    """The loader reads the directory it is given; it is the file that the tests above damage."""
    (tmp_path / "cl100k_base.tokens.z").write_bytes(packed_cl100k())
    assert load_encoding("cl100k_base", tmp_path).count("hello world") == 2


def test_an_unknown_encoding_is_refused_with_those_there_are() -> None:
    """An encoding that is not shipped is an error that lists the shipped ones."""
    with pytest.raises(VocabularyError) as caught:
        get_encoding("p50k_base")
    assert str(caught.value) == "unknown encoding 'p50k_base'; there are o200k_base, cl100k_base"


WATCH = """
import sys
import socket

def watch(event, args):
    if event.startswith("socket."):
        raise RuntimeError(f"network: {event}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        raise RuntimeError(f"write: {args}")

sys.addaudithook(watch)
"""
LOAD = """
from mockai.core.tokens import get_encoding

print(get_encoding("o200k_base").count("hello world"), get_encoding("cl100k_base").count("hi"))
print(sorted({"requests", "urllib3", "http.client"} & set(sys.modules)))
"""


def watched(code: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` under the watch, with a cache directory that tiktoken would use."""
    environment = {"TIKTOKEN_CACHE_DIR": str(cache), "PYTHONUTF8": "1"}
    command = [sys.executable, "-B", "-c", WATCH + code]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_loading_uses_no_network_writes_nothing_and_imports_no_http_client(tmp_path: Path) -> None:
    """Python's own audit hook sees no socket and no file opened for writing."""
    ran = watched(LOAD, tmp_path)
    assert (ran.stdout, ran.stderr) == ("2 1\n[]\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "code,seen",
    [("socket.socket()", "network: socket.__new__"), ("open('x', 'w')", "write: ('x', 'w'")],
)
def test_the_watch_does_see(code: str, seen: str, tmp_path: Path) -> None:
    """The audit hook of the test above catches a socket and a write: it can fail."""
    assert seen in watched(code, tmp_path).stderr


# --- which encoding a model has -------------------------------------------------------------------


@pytest.mark.parametrize(
    "model,encoding",
    [
        ("gpt-5", "o200k_base"),
        ("gpt-5.1-codex-mini", "o200k_base"),
        ("gpt-4.5-preview", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-4.1-mini-2025-04-14", "o200k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("chatgpt-4o-latest", "o200k_base"),
        ("o1", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("gpt-oss-120b", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("davinci-002", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("ft:gpt-4:acme::abc", "cl100k_base"),
        ("ft:gpt-4o-mini-2024-07-18:acme:own:abc", "o200k_base"),
        ("ft:gpt-4.1-mini:acme::abc", "o200k_base"),
    ],
)
def test_a_known_model_has_its_encoding(model: str, encoding: str) -> None:
    """The table knows OpenAI's models and looks through a fine-tune's name to its base."""
    assert encoding_for_model(model) == (encoding, "exact")


@pytest.mark.parametrize(
    "model", ["", "*", "gpt-6", "gpt-4.7", "gpt-realtime", "llama-3", "ft:", "ft:own:x"]
)
def test_an_unknown_model_is_counted_as_the_newest_and_says_so(model: str) -> None:
    """A name that no rule fits is o200k_base by default, never silently exact."""
    assert encoding_for_model(model) == ("o200k_base", "default")


def shipped(known: dict[str, str]) -> list[tuple[str, str]]:
    """The part of a table of tiktoken's whose encodings ship, aliases resolved."""
    pairs = ((model, ALIASES.get(name, name)) for model, name in known.items())
    return [(model, name) for model, name in pairs if name in BOTH]


@pytest.mark.parametrize("model,name", shipped(MODEL_TO_ENCODING))
def test_every_model_that_tiktoken_names_is_in_our_table(model: str, name: str) -> None:
    """A model that an update of tiktoken adds or moves shows here."""
    assert encoding_for_model(model) == (name, "exact")


@pytest.mark.parametrize("prefix,name", shipped(MODEL_PREFIX_TO_ENCODING))
def test_every_prefix_that_tiktoken_knows_is_in_our_table(prefix: str, name: str) -> None:
    """A family that an update of tiktoken adds or moves shows here."""
    rest = ":acme::abc" if prefix.startswith("ft:") else "2099-01-01"
    assert encoding_for_model(prefix + rest) == (name, "exact")


def test_tiktoken_still_has_the_trap_that_our_table_avoids() -> None:
    """Our own table is needed as long as tiktoken takes a fine-tuned gpt-4.1 for a gpt-4."""
    assert tiktoken.encoding_name_for_model("ft:gpt-4.1-mini:acme::abc") == "cl100k_base"


# --- drift ----------------------------------------------------------------------------------------


def test_files_and_constants_are_what_the_installed_tiktoken_says() -> None:
    """Hashes, patterns and special tokens agree with tiktoken_ext, the files with the hashes."""
    assert script.check() == []


def test_drift_is_named_field_by_field(tmp_path: Path) -> None:
    """The comparison can fail: it names each field that differs, and each file that is missing."""
    ours = VOCABULARIES["cl100k_base"]
    changed = replace(ours, pattern="x", special_tokens={}, sha256="0")
    assert script.drift({"cl100k_base": changed}) == [
        f"cl100k_base.{field}: ours differs from tiktoken's"
        for field in ("sha256", "pattern", "special_tokens")
    ]
    assert [line.split(" (")[0] for line in script.check(tmp_path)] == [
        "vocabulary o200k_base is missing or damaged",
        "vocabulary cl100k_base is missing or damaged",
    ]


def test_other_tokens_than_openai_published_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is sound by our own digest may still not be what OpenAI published."""
    name, tokens = "cl100k_base", [b"!", b'"']
    data = zlib.decompress(packed(tokens))
    ours = replace(VOCABULARIES[name], size=2, digest=sha256(data).hexdigest())
    (tmp_path / ours.file_name).write_bytes(packed(tokens))
    monkeypatch.setattr(script, "VOCABULARIES", {name: ours})
    assert script.check(tmp_path) == [f"{name}: other tokens than in OpenAI's file"]


def test_what_is_packed_is_what_is_read_and_published(tmp_path: Path) -> None:
    """The file holds nothing but the tokens; published they are lines of base64 and rank."""
    tokens = [b"!", b"\xff\x00", b" the"]
    digest = sha256(zlib.decompress(packed(tokens))).hexdigest()
    ours = replace(VOCABULARIES["cl100k_base"], size=3, digest=digest)
    (tmp_path / ours.file_name).write_bytes(packed(tokens))
    assert read_ranks(ours, tmp_path) == {b"!": 0, b"\xff\x00": 1, b" the": 2}
    assert published(tokens) == b"IQ== 0\n/wA= 1\nIHRoZQ== 2\n"
