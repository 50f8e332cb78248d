pub struct TarTree;
