"""The LSTM models and the transformer: their published sizes, their shapes as workloads, and that they learn."""

from itertools import islice

import pytest
import torch
from torch import nn
from torch.nn import functional

import accelsim
import workloads
from compress.training.fit import fit
from workloads.datasets import TokenBatches, brown, digits
from workloads.models.language import next_word_loss, perplexity, unigram_perplexity
from workloads.models.lstm_lm import LanguageModel
from workloads.models.lstm_sentiment import SentimentModel
from workloads.models.transformer_encoder import TransformerEncoder

SYSTOLIC = {"name": "dense", "array": {"kind": "systolic", "rows": 32, "cols": 32, "dataflow": "os"}}
LEVELS, POOL = 8, 4  # a digit as 49 words of 8: grey levels of its 4 x 4 blocks


def on_meta(build, *arguments, **settings) -> nn.Module:
    """A network without memory for its weights."""
    with torch.device("meta"):
        return build(*arguments, **settings).eval()


def weights(model: nn.Module) -> int:
    """Parameters with one bias a gate: torch's second one only adds to it."""
    return sum(p.numel() for name, p in model.named_parameters() if "bias_hh" not in name)


@pytest.fixture
def one_thread():
    """One thread and one seed, so that training gives the same on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


# sizes that papers print


@pytest.mark.parametrize(
    ("hidden", "printed"), [((1500, 1500), 66.02), ((373, 315), 21.82), ((381, 535), 25.19)], ids=str
)
def test_weights_of_the_language_model_before_and_after_iss(hidden, printed):
    assert round(weights(on_meta(LanguageModel, hidden=hidden)) / 1e6, 2) == printed


def test_the_zoo_has_the_large_language_model():
    model = on_meta(workloads.model, "lstm_lm")
    assert weights(model) == 66_022_000
    assert sum(p.numel() for p in model.parameters()) == 66_034_000
    assert workloads.load("lstm_lm").macs == 35 * 51_000_000


@pytest.mark.parametrize(("hidden", "printed"), [((373, 315), 7.48), ((381, 535), 5.01)], ids=str)
def test_iss_saves_the_printed_multiply_adds(hidden, printed):
    ids = torch.zeros(1, 35, dtype=torch.long, device="meta")
    pruned = workloads.from_torch(on_meta(LanguageModel, hidden=hidden), ids, trace_by="hooks").macs
    assert workloads.load("lstm_lm").macs / pruned == pytest.approx(printed, abs=0.01)


def test_sentiment_and_medium_language_model_have_the_gate_nodes_of_dmp():
    def nodes(model: nn.Module) -> int:
        return sum(4 * m.hidden_size for m in model.modules() if isinstance(m, nn.LSTM))

    assert nodes(on_meta(workloads.model, "lstm_sentiment")) == 600
    assert nodes(on_meta(LanguageModel, embedding=650, hidden=(650, 650))) == 5200


def test_the_transformer_is_bert_mini():
    state = on_meta(workloads.model, "transformer_encoder").state_dict()
    assert sum(v.numel() for key, v in state.items() if not key.startswith("classifier")) == 11_170_560
    assert state["encoder.layer.3.attention.self.query.weight"].shape == (256, 256)
    assert state["encoder.layer.0.attention.output.LayerNorm.bias"].shape == (256,)
    assert state["embeddings.token_type_embeddings.weight"].shape == (2, 256)


@pytest.mark.parametrize(
    ("name", "parameters", "macs", "traces"),
    [
        ("lstm_lm", 66_034_000, 1_785_000_000, 5),
        ("lstm_sentiment", 1_771_502, 54_000_300, 3),
        ("lstm_speaker", 1_423_616, 216_334_336, 7),
        ("transformer_encoder", 11_171_074, 436_273_664, 34),
    ],
)
def test_parameters_macs_and_layers(name, parameters, macs, traces):
    found = workloads.load(name)
    counted = sum(p.numel() for p in on_meta(workloads.model, name).parameters())
    assert (counted, found.macs, len(found)) == (parameters, macs, traces)
    assert accelsim.simulate(found, SYSTOLIC).cycles * 1024 >= macs


def test_a_hidden_layer_runs_once_a_step():
    found = workloads.load("lstm_lm", batch=4)
    assert [(t.name, t.kind, t.M, t.N, t.K, t.repeat) for t in found][:2] == [
        ("lstm1.input", "lstm", 4 * 35, 6000, 1500, 1),
        ("lstm1.hidden", "lstm", 4, 6000, 1500, 35),
    ]


# what they compute


def test_a_language_model_sees_no_later_word(one_thread):
    model = LanguageModel(50, 8, (8, 8)).eval()
    ids = torch.randint(50, (2, 9))
    other = ids.clone()
    other[:, 5:] = torch.randint(50, (2, 4))
    first, second = model(ids), model(other)
    assert torch.equal(first[:, :5], second[:, :5])
    assert not torch.equal(first[:, 5:], second[:, 5:])


def test_the_transformer_computes_attention_by_its_formula(one_thread):
    model = TransformerEncoder(50, 12, 1, 3, 24, 16).eval()
    attention = model.encoder.layer[0].attention.self
    x = torch.randn(2, 5, 12)
    heads = [linear(x).view(2, 5, 3, 4) for linear in (attention.query, attention.key, attention.value)]
    scores = torch.einsum("bqhd,bkhd->bhqk", heads[0], heads[1]) / 4**0.5
    context = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(3), heads[2]).reshape(2, 5, 12)
    assert torch.allclose(attention(x), context, atol=1e-6)


def test_padding_in_front_has_no_embedding():
    model = SentimentModel(50, 8, 8)
    assert not model.embedding.weight[0].any()


def test_perplexity_of_a_uniform_guess_is_the_vocabulary():
    class Uniform(nn.Module):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.zeros(*ids.shape, 17)

    model = Uniform().train()
    assert perplexity(model, TokenBatches(torch.randint(17, (500,)), 4, 10)) == pytest.approx(17, rel=1e-6)
    assert model.training


def test_unigram_perplexity_by_hand():
    train, test = torch.tensor([0, 0, 1]), torch.tensor([0, 2])
    assert unigram_perplexity(train, test, 3) == pytest.approx((3 / 6 * 1 / 6) ** -0.5)


# that they learn on the bundled data


def learned(vocabulary: int, hidden: int, batches: int, streams: int, steps: int) -> tuple[float, float]:
    """(perplexity of a small language model on Brown's test text, that of single words)."""
    corpus = brown(vocabulary)
    model = LanguageModel(vocabulary, hidden, (hidden, hidden), dropout=0.0, initial=0.3)
    windows = list(islice(TokenBatches(corpus.train, streams, steps), batches))
    fit(model, windows, epochs=1, learning_rate=2e-2, final_rate=0.1, criterion=next_word_loss)
    single = unigram_perplexity(corpus.train, corpus.test, vocabulary)
    return perplexity(model, islice(TokenBatches(corpus.test, 64, 35), 20)), single


def test_a_small_language_model_learns_more_than_the_frequency_of_words(one_thread):
    found, single = learned(vocabulary=500, hidden=48, batches=200, streams=64, steps=12)
    assert found < 0.75 * single


@pytest.mark.slow
def test_a_larger_language_model_learns_much_more(one_thread):
    found, single = learned(vocabulary=2000, hidden=64, batches=400, streams=64, steps=12)
    assert found < 0.6 * single


def words_of(images: torch.Tensor) -> torch.Tensor:
    """Digits (B, 1, 28, 28) as 49 words (B, 49)."""
    grey = functional.avg_pool2d(images, POOL).flatten(1)
    return (grey * LEVELS).long().clamp(max=LEVELS - 1)


def accuracy_after_training(model: nn.Module, epochs: int, learning_rate: float) -> float:
    """On 1,000 bundled digits, read as words, after training on 3,000."""
    data = digits(0, fast=True)
    batches = workloads.datasets.Batches(
        words_of(data.train_images), data.train_labels, torch.Generator().manual_seed(0), 100
    )
    fit(model, batches, epochs=epochs, learning_rate=learning_rate)
    with torch.no_grad():
        guesses = model.eval()(words_of(data.test_images)).argmax(1)
    return float((guesses == data.test_labels).float().mean())


@pytest.mark.slow
def test_a_transformer_learns_digits_read_as_words(one_thread):
    model = TransformerEncoder(LEVELS, 32, 1, 4, 64, 49, classes=10, dropout=0.0)
    assert accuracy_after_training(model, epochs=20, learning_rate=2e-3) > 0.5


@pytest.mark.slow
def test_a_sentiment_model_learns_digits_read_as_words(one_thread):
    model = SentimentModel(LEVELS, 16, 64, classes=10)
    assert accuracy_after_training(model, epochs=25, learning_rate=1e-2) > 0.7


@pytest.mark.parametrize(
    "build",
    [
        lambda: SentimentModel(LEVELS, 8, 16),
        lambda: TransformerEncoder(LEVELS, 16, 1, 2, 32, 49, dropout=0.0),
    ],
    ids=["lstm_sentiment", "transformer_encoder"],
)
def test_a_small_model_tells_two_digits_apart(one_thread, build):
    data, model = digits(0, fast=True), build()
    kept, tested = data.train_labels < 2, data.test_labels < 2
    ids, labels = words_of(data.train_images[kept]), data.train_labels[kept]
    batches = workloads.datasets.Batches(ids, labels, torch.Generator().manual_seed(0), 50)
    fit(model, batches, epochs=4, learning_rate=1e-2)
    with torch.no_grad():
        guesses = model.eval()(words_of(data.test_images[tested])).argmax(1)
    assert float((guesses == data.test_labels[tested]).float().mean()) > 0.9
