import torch

model = torch.nn.Conv2d(3, 8, 3)
