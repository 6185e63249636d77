// Rows of a table by index, as libtorch's embedding but for the gradient: where few rows were read it comes as those rows. A table that is
// the output projection too has a whole gradient already, to which they are added in place; libtorch makes a second matrix of zeros.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>

#include <mutex>
#include <unordered_map>

#include "operators.h"

namespace tt {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Stands in the graph between a table and what uses it: takes a whole gradient and rows, and passes their sum on.
struct TableNode final : torch::autograd::Node {
    static constexpr uint32_t Whole = 0, Rows = 1;
    variable_list apply(variable_list&& gradients) override {
        Tensor whole = std::move(gradients[Whole]), rows = std::move(gradients[Rows]);
        if (!rows.defined()) return {whole};
        if (!rows.is_sparse()) return {whole.defined() ? whole + rows : rows};
        if (!whole.defined()) return {rows.to_dense()};
        if (whole.use_count() != 1 || whole.storage().use_count() != 1) whole = whole.clone();   // somebody else's too
        return {whole.index_add_(0, rows._indices().select(0, 0), rows._values())};
    }
};

// How a graph holds its nodes: std::shared_ptr, in newer libtorch c10::intrusive_ptr.
using NodePointer = decltype(torch::autograd::Edge::function);
template <class P> struct Holding;
template <class N> struct Holding<std::shared_ptr<N>> {
    using Weak = std::weak_ptr<N>;
    template <class T> static std::shared_ptr<N> make() { return std::make_shared<T>(); }
};
template <class N, class Null> struct Holding<c10::intrusive_ptr<N, Null>> {
    using Weak = c10::weak_intrusive_ptr<N, Null>;
    template <class T> static c10::intrusive_ptr<N, Null> make() { return c10::make_intrusive<T>(); }
};

// The node of each table whose graph lives. It only passes gradients on, so that one serves any number of passes.
struct TableNodes {
    using Leaf = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
    struct Entry { Leaf leaf; Holding<NodePointer>::Weak node; };
    std::mutex mutex;
    std::unordered_map<const c10::TensorImpl*, Entry> entries;

    NodePointer of(const Tensor& table, bool make) {
        std::lock_guard<std::mutex> lock(mutex);
        auto known = entries.find(table.unsafeGetTensorImpl());
        if (known != entries.end() && !known->second.leaf.expired())
            if (auto node = known->second.node.lock()) return node;
        if (!make) return NodePointer();
        for (auto i = entries.begin(); i != entries.end();) i = i->second.node.expired() ? entries.erase(i) : std::next(i);
        NodePointer node = Holding<NodePointer>::make<TableNode>();
        node->set_next_edges(torch::autograd::collect_next_edges(table));
        node->add_input_metadata(table);   // Whole
        node->add_input_metadata(table);   // Rows
        entries.insert_or_assign(table.unsafeGetTensorImpl(), Entry{Leaf(table.getIntrusivePtr()), Holding<NodePointer>::Weak(node)});
        return node;
    }
};

// The table as seen behind its node, if it has one.
Tensor behind_node(const Tensor& table, bool reads_rows) {
    static TableNodes* nodes = new TableNodes();
    if (!on_kernels(table) || table.dim() != 2 || !table.is_leaf() || !wants_gradient(table)) return table;
    auto node = nodes->of(table, /*make=*/reads_rows);
    if (!node) return table;
    Tensor seen = table.detach();   // of one version with it
    torch::autograd::impl::set_gradient_edge(seen, {node, reads_rows ? TableNode::Rows : TableNode::Whole});
    return seen;
}

struct EmbeddingFunction : torch::autograd::Function<EmbeddingFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& table, const Tensor& ids, int64_t padding) {
        context->save_for_backward({ids});
        context->saved_data["rows"] = table.size(0);
        context->saved_data["padding"] = padding;
        return at::embedding(table, ids);
    }
    static variable_list backward(AutogradContext* context, variable_list gradients) {
        Tensor ids = context->get_saved_variables()[0];
        int64_t rows = context->saved_data["rows"].toInt(), padding = context->saved_data["padding"].toInt();
        bool few = ids.numel() < rows / 4 && !at::GradMode::is_enabled();
        return {at::embedding_backward(gradients[0], ids, rows, padding, false, few), Tensor(), Tensor()};
    }
};

}  // namespace

Tensor embedding(const Tensor& table, const Tensor& ids, int64_t padding) {
    if (table.is_meta()) {
        std::vector<int64_t> sizes = ids.sizes().vec();
        sizes.push_back(table.size(-1));
        return shaped(sizes, table.options(), table.scalar_type(), {table});
    }
    Tensor seen = behind_node(table, true);
    return seen.is_same(table) ? at::embedding(table, ids, padding) : EmbeddingFunction::apply(seen, ids, padding);
}

Tensor as_read(const Tensor& table) { return behind_node(table, false); }

}  // namespace tt
