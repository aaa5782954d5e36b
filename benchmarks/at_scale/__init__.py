"""Tables in files: how seconds and memory grow with their rows, and what engines and peers take.

python3 dev.py bench scale                      1e5 to 2e7 rows of Parquet, engines, peers, within half an hour
python3 dev.py bench scale --rows 2e6           fewer rows
python3 dev.py bench scale --jobs nelder decode only these
python3 dev.py bench scale --rivals-python PATH the Python that H2O and dask-glm are installed for, if another
python3 dev.py bench scale --write-docs         also write docs/scale.md
python3 dev.py bench scale --from FILE --write-docs
"""
