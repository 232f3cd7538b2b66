"""How many numbers a row of images has at most, which bounds the rows of a chunk."""

from __future__ import annotations

import torch
from torch import nn

from sklearn_xai.models.image_layout import takes_channels_last, widest


class Net(nn.Module):
    """The widest tensor is none that a layer gives, and a weight is larger than all of them."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(512, 1000)

    def forward(self, X):
        h = self.first(X)
        return self.last(torch.cat([h, h.relu()], dim=1)[:, :8].flatten(1))[:, :3]


def test_the_widest_tensor_of_rows_counts_and_no_weight():
    net = Net().eval()
    with torch.no_grad():
        assert widest(net, torch.rand(3, 1, 8, 8)) == 2 * 8 * 64
        assert widest(nn.Identity(), torch.rand(2, 1, 8, 8)) == 64


def test_images_of_one_channel_have_a_layout_too():
    net = Net().eval()
    images = torch.rand(3, 1, 8, 8)
    assert takes_channels_last(net, net, images)
    last = images.to(memory_format=torch.channels_last)
    assert last.stride() != images.stride()  # .contiguous() would leave them, and convolutions would not know
    with torch.no_grad():
        assert net.first(last).is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(net(last), net(images))
