using System.Collections;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>Modules in a row, each fed the one before's result; named by their numbers unless named.</summary>
        public class Sequential : Module<Tensor, Tensor>
        {
            protected internal Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) : base(nameof(Sequential))
            {
                foreach (var (name, module) in modules)
                    append(name, module);
            }

            protected internal Sequential(params Module<Tensor, Tensor>[] modules) : base(nameof(Sequential))
            {
                foreach (var module in modules)
                    append(module);
            }

            public int Count => _internal_submodules.Count;

            [System.Runtime.CompilerServices.IndexerName("SequentialItems")]
            public IModule<Tensor, Tensor> this[int index] =>
                (IModule<Tensor, Tensor>)_internal_submodules[index < 0 ? Count + index : index].Item2;

            public Sequential append(IModule<Tensor, Tensor> module) => append(Count.ToString(), module);

            public Sequential append(string name, IModule<Tensor, Tensor> module)
            {
                register_module(name, (Module)module);
                return this;
            }

            /// <summary>Results between the modules are disposed when the last is done.</summary>
            public override Tensor forward(Tensor tensor)
            {
                if (Count == 0)
                    return tensor.alias();
                using var scope = NewDisposeScope();
                var result = tensor;
                foreach (var (_, module) in _internal_submodules)
                    result = ((IModule<Tensor, Tensor>)module).call(result);
                return (ReferenceEquals(result, tensor) ? tensor.alias() : result).MoveToOuterDisposeScope();
            }
        }

        /// <summary>Modules by number.</summary>
        public class ModuleList<T> : Module, IList<T> where T : Module
        {
            private readonly List<T> _list = [];

            public ModuleList(params T[] modules) : base(nameof(ModuleList)) => _list.AddRange(modules);

            public int Count => _list.Count;

            public bool IsReadOnly => false;

            public T this[int index] { get => _list[index]; set => Change(() => _list[index] = value); }

            public void Add(T item) => Change(() => _list.Add(item));

            public void append(params T[] parameters) => Change(() => _list.AddRange(parameters));

            public void extend(IEnumerable<T> modules) => Change(() => _list.AddRange(modules));

            public void Insert(int index, T item) => Change(() => _list.Insert(index, item));

            public void RemoveAt(int index) => Change(() => _list.RemoveAt(index));

            public void Clear() => Change(_list.Clear);

            public bool Contains(T item) => _list.Contains(item);

            public int IndexOf(T item) => _list.IndexOf(item);

            public void CopyTo(T[] array, int arrayIndex) => _list.CopyTo(array, arrayIndex);

            public IEnumerator<T> GetEnumerator() => _list.GetEnumerator();

            IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

            public bool Remove(T item)
            {
                var index = _list.IndexOf(item);
                if (index >= 0)
                    RemoveAt(index);
                return index >= 0;
            }

            protected override void RegisterComponents()
            {
                if (_internal_submodules.Count == _list.Count)
                    return;
                ClearModules();
                for (var i = 0; i < _list.Count; i++)
                    register_module(i.ToString(), _list[i]);
            }

            private void Change(Action change)
            {
                var registered = _internal_submodules.Count > 0;
                change();
                ClearModules();
                if (registered)
                    RegisterComponents();
            }
        }

        /// <summary>Modules by name, in the order they came.</summary>
        public class ModuleDict<T> : Module, IEnumerable<(string, T)> where T : Module
        {
            private readonly Utils.OrderedDict<string, T> _dict = new();

            public ModuleDict() : base(nameof(ModuleDict)) { }

            public int Count => _dict.Count;

            public bool IsReadOnly => false;

            public ICollection<string> Keys => _dict.Keys;

            public ICollection<T> Values => _dict.Values;

            public T this[string key] { get => _dict[key]; set => Change(() => _dict[key] = value); }

            public (string, T) this[int index] { get => _dict[index]; set => Change(() => _dict[index] = value); }

            public IEnumerable<string> keys() => _dict.keys();

            public IEnumerable<T> values() => _dict.values();

            public IEnumerator<(string, T)> items() => _dict.items();

            public void Add(string key, T value) => Change(() => _dict.Add(key, value));

            public void Add((string, T) item) => Add(item.Item1, item.Item2);

            public bool ContainsKey(string key) => _dict.ContainsKey(key);

            public bool TryGetValue(string key, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T value) =>
                _dict.TryGetValue(key, out value);

            public bool Remove(string key)
            {
                var found = ContainsKey(key);
                Change(() => _dict.Remove(key));
                return found;
            }

            public void Clear() => Change(_dict.Clear);

            public void clear() => Clear();

            public IEnumerator<(string, T)> GetEnumerator() => _dict.GetEnumerator();

            IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

            protected override void RegisterComponents()
            {
                if (_internal_submodules.Count == _dict.Count)
                    return;
                ClearModules();
                foreach (var (name, module) in _dict)
                    register_module(name, module);
            }

            private void Change(Action change)
            {
                var registered = _internal_submodules.Count > 0;
                change();
                ClearModules();
                if (registered)
                    RegisterComponents();
            }
        }
    }

    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.Sequential Sequential(params Module<Tensor, Tensor>[] modules) => new(modules);

            public static Modules.Sequential Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) => new(modules);

            public static Modules.Sequential Sequential(IEnumerable<Module<Tensor, Tensor>> modules) => new(modules.ToArray());

            public static Modules.Sequential Sequential(IEnumerable<(string name, Module<Tensor, Tensor> submodule)> modules) =>
                new(modules.ToArray());

            public static Modules.Sequential Sequential() => new(Array.Empty<Module<Tensor, Tensor>>());

            public static Modules.ModuleList<Module> ModuleList(params Module[] modules) => new(modules);

            public static Modules.ModuleList<T> ModuleList<T>(params T[] modules) where T : Module => new(modules);

            public static Modules.ModuleDict<Module> ModuleDict(params (string, Module)[] modules) => ModuleDict<Module>(modules);

            public static Modules.ModuleDict<T> ModuleDict<T>(params (string, T)[] modules) where T : Module
            {
                var dict = new Modules.ModuleDict<T>();
                foreach (var module in modules)
                    dict.Add(module);
                return dict;
            }
        }
    }
}
