using System.Runtime.InteropServices;
using TransformerTorch.Tensors;
using static TransformerTorch.Tests.Tensors.BridgeCalls;

namespace TransformerTorch.Tests.Tensors;

/// <summary>The bridge under wrong arguments, failures, hooks and threads. Truth: its contract, src/native/include/tt.h.</summary>
public sealed unsafe class BridgeTests
{
    private static int s_released;

    public BridgeTests() => Skip.If(!NativeBridge.IsAvailable, NativeBridge.Missing);

    [SkippableFact]
    public void A_wrong_argument_is_named_with_the_operators_schema()
    {
        using var one = Vector(2, 1);
        fixed (byte* text = "x"u8)
        {
            var (_, status) = Try("aten::add", "Tensor", Of(one), new Value { Tag = 7, Count = 1, Pointer = (nint)text });
            Assert.Equal(Failed, status);
        }
        Assert.Contains("'other'", Error(), StringComparison.Ordinal);
        Assert.Contains("aten::add.Tensor(Tensor self, Tensor other", Error(), StringComparison.Ordinal);

        Assert.Equal(Failed, Try("aten::add", "Tensor", Of(one)).Status);
        Assert.Contains("was given nothing", Error(), StringComparison.Ordinal);
        Assert.Equal(Failed, Try("aten::add", "Tensor", Of(one), Of(one), Of(1), Of(1)).Status);
        Assert.Contains("given 4 arguments", Error(), StringComparison.Ordinal);
        Assert.Equal(Failed, Try("aten::add", "Tensor", Of(one), new Value { Tag = 1 }).Status);
        Assert.Contains("null", Error(), StringComparison.Ordinal);
        Assert.Equal(0, tt_operator_find("aten::no_such_operator", ""));
        Assert.Contains("aten::no_such_operator", Error(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_failed_operator_leaves_the_next_one_working_and_its_message_is_one_line()
    {
        using var two = Vector(2, 1);
        using var three = Vector(3, 1);
        Assert.Equal(Failed, Try("aten::add", "Tensor", Of(two), Of(three)).Status);
        Assert.Contains("must match the size of tensor b (3)", Error(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', Error());
        Assert.StartsWith(Error(), Error(full: 1), StringComparison.Ordinal);
        Assert.Contains('\n', Error(full: 1)); // the C++ trace
        using var sum = Call("aten::add", "Tensor", Of(two), Of(two));
        Assert.Equal(2, sum.First);
    }

    [SkippableFact]
    public void Exhausted_memory_is_told_apart_from_other_failures()
    {
        var length = 1L << 50;
        var (_, status) = Try("aten::full", "", new Value { Tag = 5, Count = 1, Pointer = (nint)(&length) }, Of(0.0));
        Assert.Equal(OutOfMemory, status);
        using var small = Vector(4, 1);
        Assert.Equal(1, small.First);
    }

    [SkippableFact]
    public void Eight_threads_compute_at_once_and_each_reads_its_own_error() => OnThreads(8, id =>
    {
        for (var i = 0; i < 200; i++)
        {
            using var own = Vector(100 + id, id);
            using var other = Vector(1000 + id, 1);
            Assert.Equal(Failed, Try("aten::add", "Tensor", Of(own), Of(other)).Status);
            if (i % 50 == 0) Thread.Yield();
            Assert.Contains($"tensor a ({100 + id}) must match the size of tensor b ({1000 + id})", Error(), StringComparison.Ordinal);
            using var twice = Call("aten::add", "Tensor", Of(own), Of(own));
            Assert.Equal(2 * id, twice.First);
        }
    });

    [SkippableFact]
    public void Grad_mode_and_autocast_are_each_threads_own()
    {
        var previous = stackalloc int[3];
        Assert.Equal(1, tt_autocast_enter(0, 1, 15, 1, previous));
        tt_set_grad_mode(0);
        try
        {
            OnThreads(1, _ => Assert.Equal((0, 1), (tt_autocast(0), tt_grad_mode())));
            Assert.Equal((1, 0), (tt_autocast(0), tt_grad_mode()));
            using var x = Vector(4, 1);
            using var product = Call("aten::matmul", "", Of(x), Of(x));
            Assert.Equal(15, tt_tensor_dtype(product.Tensor)); // bfloat16
        }
        finally
        {
            tt_set_grad_mode(1);
            Assert.Equal(0, tt_autocast_leave(0, previous));
        }
        Assert.Equal(0, tt_autocast(0));
    }

    [SkippableFact]
    public void An_exception_in_a_hook_is_the_failure_of_backward()
    {
        using var leaf = Vector(2, 3);
        Assert.Equal(0, tt_tensor_set_requires_grad(leaf.Tensor, 1));
        s_released = 0;
        var hook = tt_hook_add(leaf.Tensor, &Throwing, 0, &CountRelease);
        Assert.Equal(Failed, Backward(leaf));
        Assert.Equal("the hook refuses", Error());
        Assert.Equal(0, tt_hook_remove(hook));
        Assert.Equal(1, s_released);

        hook = tt_hook_add(leaf.Tensor, &TimesTen, 0, null);
        Assert.Equal(0, Backward(leaf));
        using var gradient = new Handle(tt_tensor_grad(leaf.Tensor));
        Assert.Equal(60, gradient.First);
        Assert.Equal(0, tt_hook_remove(hook));

        hook = tt_hook_add_after_accumulate(leaf.Tensor, &Throwing, 0, null);
        Assert.Equal(Failed, Backward(leaf));
        Assert.Equal("the hook refuses", Error());
        Assert.Equal(0, tt_hook_remove(hook));
        Assert.Equal(0, Backward(leaf));
    }

    [SkippableFact]
    public void Memory_lent_to_a_tensor_is_given_back_once_whichever_thread_drops_it_last()
    {
        const int Tensors = 200;
        var memory = (float*)NativeMemory.Alloc(4, sizeof(float));
        memory[0] = 5;
        s_released = 0;
        long size = 4;
        var bad = -4L;
        Assert.Equal(0, tt_tensor_from_memory(memory, &bad, 1, 6, &CountRelease, 0));
        Assert.Equal(0, s_released); // it failed: the memory is still the caller's
        Lend(memory, &size, Tensors);
        for (var i = 0; i < 50 && Volatile.Read(ref s_released) < Tensors; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.Equal(Tensors, s_released);
        NativeMemory.Free(memory);
    }

    [SkippableFact]
    public void A_generators_state_repeats_its_numbers()
    {
        var generator = tt_generator_new(0, -1);
        using var state = new Handle(tt_generator_state(generator));
        var first = Draw(generator);
        Assert.NotEqual(first, Draw(generator));
        Assert.Equal(0, tt_generator_set_state(generator, state.Tensor));
        Assert.Equal(first, Draw(generator));
        using var wrong = Vector(3, 1);
        Assert.Equal(Failed, tt_generator_set_state(generator, wrong.Tensor));
        tt_generator_free(generator);
    }

    [SkippableFact]
    public void Calls_good_and_bad_keep_none_of_their_arguments()
    {
        var memory = stackalloc float[4];
        long size = 4;
        s_released = 0;
        var lent = new Handle(tt_tensor_from_memory(memory, &size, 1, 6, &CountRelease, 0));
        using (var other = Vector(5, 1))
        {
            for (var i = 0; i < 1000; i++)
            {
                using var row = Call("aten::narrow", "", Of(lent), Of(0), Of(1), Of(2)); // a view: holds the same memory
                Assert.Equal(Failed, Try("aten::add", "Tensor", Of(lent), Of(other)).Status);
                Assert.Equal(Failed, Try("aten::add", "Tensor", Of(lent)).Status);
            }
        }
        Assert.Equal(0, s_released);
        lent.Dispose();
        Assert.Equal(1, s_released);
    }

    private static void Lend(float* memory, long* size, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var tensor = new Handle(tt_tensor_from_memory(memory, size, 1, 6, &CountRelease, 0));
            Assert.Equal(5, tensor.First);
            var view = new Handle(tt_tensor_alias(tensor.Tensor)); // one storage under two handles
            if (i % 2 == 0) tensor.Dispose();
            else view.Dispose(); // the other is left to the finalizer
        }
    }

    private static float Draw(nint generator)
    {
        var one = 1L;
        using var drawn = Call("aten::rand", "generator", new Value { Tag = 5, Count = 1, Pointer = (nint)(&one) },
            new Value { Tag = 11, Pointer = generator });
        return drawn.First;
    }

    /// <summary>Runs the body on threads of their own, all at once; the first failure is the test's.</summary>
    private static void OnThreads(int count, Action<int> body)
    {
        var failures = new Exception?[count];
        using var start = new Barrier(count);
        var threads = Enumerable.Range(0, count).Select(id => new Thread(() =>
        {
            start.SignalAndWait();
            failures[id] = Record.Exception(() => body(id));
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.All(failures, Assert.Null);
    }

    [UnmanagedCallersOnly]
    private static nint Throwing(nint context, nint gradient)
    {
        try
        {
            throw new InvalidOperationException("the hook refuses");
        }
        catch (InvalidOperationException e)
        {
            tt_hook_failed(e.Message);
            return 0;
        }
    }

    [UnmanagedCallersOnly]
    private static nint TimesTen(nint context, nint gradient)
    {
        Value result;
        var arguments = stackalloc Value[2] { new Value { Tag = 1, Pointer = gradient }, Of(10) };
        return tt_operator_call(tt_operator_find("aten::mul", "Tensor"), arguments, 2, &result, 1) == 1 ? result.Pointer : 0;
    }

    [UnmanagedCallersOnly]
    private static void CountRelease(nint context) => Interlocked.Increment(ref s_released);
}
