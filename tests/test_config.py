"""Settings: from YAML and --set to checked, frozen values."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from streamer.clock import MS
from streamer.config import Config, as_yaml, load, with_values
from streamer.errors import ConfigError
from streamer.misfit import keys

SHIPPED = Path(__file__).parent.parent / "config.yaml"


@pytest.fixture
def settings(tmp_path):
    """Writes a settings file."""

    def write(text):
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_the_shipped_file_is_the_defaults():
    """config.yaml says what happens without it."""
    assert load(SHIPPED) == Config()
    assert yaml.safe_load(SHIPPED.read_text()) == Config().model_dump(mode="json")


def test_the_shipped_file_explains_every_key():
    """Each key has one line, with a comment."""
    lines = SHIPPED.read_text().splitlines()
    explained = [m[1] for line in lines if (m := re.match(r" *(\w+): +\S.*  # \w+", line))]
    assert explained == [key.rpartition(".")[2] for key in keys(Config)]


def test_without_file_and_overrides_all_is_default():
    """A file needs only what it changes."""
    assert load() == Config()


@pytest.mark.parametrize("text", ["", "# nothing\n", "camera:\n", "{}"])
def test_empty_files_and_sections_are_allowed(settings, text):
    """What is commented out keeps its default."""
    assert load(settings(text)) == Config()


def test_values_are_read_and_frozen(settings):
    """A file changes what it names; nothing changes it afterwards."""
    config = load(settings("retarget:\n  gains: {mouth: 1.5}\n  limits: {yaw_deg: [10, 15]}\n"))
    assert config.retarget.gains.mouth == 1.5
    assert config.retarget.limits.yaw_deg == (10, 15)
    assert config.retarget.gains.head == Config().retarget.gains.head
    with pytest.raises(ValidationError):
        config.portrait = "mei"


def test_set_wins_over_the_file(settings):
    """The command line has the last word, in YAML's notation."""
    path = settings("latency: {budget_ms: 80}\nportrait: mei\n")
    config = load(path, ["latency.budget_ms=90", "retarget.limits.roll_deg=[5, 9]"])
    assert config.latency.budget_ms == 90
    assert config.retarget.limits.roll_deg == (5, 9)
    assert config.portrait == "mei"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency: {budget_ms: -1}", "latency.budget_ms: must be greater than 0, not -1"),
        ("latency: {budget_ms: true}", "latency.budget_ms: must be a valid number, not True"),
        ("latency: {budget_ms: .nan}", "latency.budget_ms: must be a finite number, not nan"),
        ("latency: {budget_ms: 20}", "latency: the stages together (33 ms) exceed budget_ms (20)"),
        (
            "latency: {budgetms: 20}",
            "latency.budgetms: no such key; did you mean latency.budget_ms?",
        ),
        ("budget_ms: 20", "budget_ms: no such key; did you mean latency.budget_ms?"),
        ("camra: {}", "camra: no such key; did you mean camera?"),
        (
            "camera: {xyz: 1}",
            "camera.xyz: no such key; camera has kind, device, size, fps, clip, loop",
        ),
        ("camera: {device: [1]}", "camera.device: must be a name or a number, not [1]"),
        ("record: {microphone: 1.5}", "record.microphone: must be a name or a number, not 1.5"),
        ("portraits: ada", "portraits: must be a list, as in [me.jpg, mona.portrait]"),
        ("camera: {size: [640]}", "camera.size: must be two figures"),
        ("camera: replay", "camera: must be a section with keys of its own"),
        ("camera: {loop: 'yes'}", "camera.loop: must be a valid boolean, not 'yes'"),
        ("tracker: {face: big}", "tracker.face: must be 'largest' or 'central', not 'big'"),
        ("generator: {size: 5}", "generator.size: must be greater than or equal to 64, not 5"),
        ("retarget: {limits: {yaw_deg: 5}}", "retarget.limits.yaw_deg: must be two figures"),
        ("retarget: {limits: {yaw_deg: [5]}}", "retarget.limits.yaw_deg: must be two figures"),
        (
            "retarget: {limits: {yaw_deg: [9, 5]}}",
            "retarget.limits.yaw_deg: the first figure (9) must not be above the second (5)",
        ),
        ("1: 2", "keys are words, not 1"),
        ("[1, 2]", "must be sections with keys"),
        ("camera:\n  clip: a\n  clip: b\n", "line 3: clip is given twice"),
        ("camera: [", "line 1: "),
        ("portrait: !!python/object/apply:os.getcwd []", "line 1: could not determine"),
        (b"\xff\xfe\x00\xd8", "not a YAML text"),
        ("portrait: " + "x" * 70_000, "larger than 64 KiB"),
        ("[" * 30_000, "not a YAML text"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(settings, text, message):
    """File, key, what is wrong and what is meant."""
    with pytest.raises(ConfigError) as caught:
        load(settings(text))
    line = str(caught.value)
    assert line.startswith("config.yaml: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("latency.budget_ms=-1", "--set: latency.budget_ms: must be greater than 0, not -1"),
        (
            "latency.bugdet_ms=1",
            "--set: latency.bugdet_ms: no such key; did you mean latency.budget_ms?",
        ),
        ("latency", "--set latency: write it as section.key=value"),
        ("=3", "--set =3: write it as section.key=value"),
        ("portrait.x=1", "--set: portrait: must be a valid string"),
        ("camera=1", "--set: camera: must be a section"),
        ("latency.budget_ms=5", "--set: latency: the stages together (33 ms) exceed"),
        ("portrait=[", "--set portrait: line 1: "),
    ],
)
def test_a_wrong_override_is_told_in_one_line(settings, override, message):
    """The line names --set and not the file."""
    with pytest.raises(ConfigError) as caught:
        load(settings("portrait: mei"), [override])
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_told(tmp_path):
    """With its path and the reason."""
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_the_printed_settings_can_be_read_again(settings):
    """`vivant config > mine.yaml` is a settings file."""
    config = load(None, ["retarget.limits.yaw_deg=[1, 2]", "generator.size=256"])
    assert load(settings(as_yaml(config))) == config
    assert "yaw_deg: [1.0, 2.0]" in as_yaml(config)


def test_a_commands_own_options_are_values_not_yaml():
    """A portrait called `yes` is a file of that name."""
    config = with_values(Config(), {"portrait": "yes", "sink.path": "12"})
    assert (config.portrait, config.sink.path) == ("yes", "12")


def test_the_budget_is_in_path_order():
    """Milliseconds in the settings, nanoseconds in the code."""
    budget = Config().latency.budget()
    assert list(budget.stages_ns) == ["track", "retarget", "generate", "sink"]
    assert budget.latest_start("track") == (66 - 33) * MS
    assert budget.latest_start("sink") == (66 - 4) * MS
