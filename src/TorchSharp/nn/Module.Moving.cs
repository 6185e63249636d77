using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            protected internal virtual Module _to(Device device, ScalarType dtype, bool non_blocking)
            {
                CheckType(dtype);
                _toEpilog(dtype, InitializeDevice(device), non_blocking);
                return this;
            }

            protected internal virtual Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking)
            {
                if (deviceType != DeviceType.CUDA)
                    deviceIndex = -1;
                InitializeDeviceType(deviceType);
                if (deviceType != _deviceType || deviceIndex != _deviceIndex)
                    _toEpilog(null, new Device(deviceType, deviceIndex), non_blocking);
                return this;
            }

            protected internal virtual Module _to(ScalarType dtype, bool non_blocking)
            {
                CheckType(dtype);
                _toEpilog(dtype, null, non_blocking);
                return this;
            }

            public Module _to(Tensor other, bool non_blocking)
            {
                _to(other.dtype, non_blocking);
                return _to(other.device_type, other.device_index, non_blocking);
            }

            protected void _toEpilog(ScalarType dtype, bool non_blocking) => _toEpilog(dtype, null, non_blocking);

            protected void _toEpilog(Device device, ScalarType dtype, bool non_blocking) => _toEpilog(dtype, device, non_blocking);

            protected void _toEpilog(DeviceType deviceType, int deviceIndex, bool non_blocking) =>
                _toEpilog(null, new Device(deviceType, deviceIndex), non_blocking);

            /// <summary>Replaces the tensors of this module and those below: in the registry, and in the fields and properties.</summary>
            protected virtual void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
            {
                foreach (var (_, child) in named_children()) {
                    if (device is null)
                        child._to(dtype!.Value, non_blocking);
                    else if (dtype is null)
                        child._to(device.type, device.index, non_blocking);
                    else
                        child._to(device, dtype.Value, non_blocking);
                }
                foreach (var (name, parameter) in named_parameters(false).ToList()) {
                    if (!ReplaceParameter(dtype, device, parameter, out var moved) || AssignProperty(name, moved))
                        continue;
                    parameter.Dispose();
                    ConditionallyRegisterParameter(name, moved);
                    AssignField(name, moved);
                }
                foreach (var (name, buffer) in named_buffers(false).ToList()) {
                    if (!ReplaceBuffer(dtype, device, buffer, out var moved) || AssignProperty(name, moved))
                        continue;
                    ConditionallyRegisterBuffer(name, moved);
                    AssignField(name, moved);
                }
                if (device is not null)
                    (_deviceType, _deviceIndex) = (device.type, device.index);
            }

            protected static bool ReplaceBuffer(ScalarType? dtype, Device? device, Tensor buffer, out Tensor? result)
            {
                var type = Target(dtype, buffer);
                result = buffer.ToWillCopy(type, device)
                    ? buffer.to(type, device ?? buffer.device, disposeAfter: true).DetachFromDisposeScope() : null;
                return result is not null;
            }

            /// <summary>A new leaf with the moved values, and the moved gradient where there is one.</summary>
            protected static bool ReplaceParameter(ScalarType? dtype, Device? device, Parameter param, out Parameter? p)
            {
                var type = Target(dtype, param);
                p = null;
                using var gradient = param.grad;
                if (!param.ToWillCopy(type, device) && gradient?.ToWillCopy(type, device) != true)
                    return false;
                using var frozen = no_grad();
                p = new Parameter(param.to(type, device ?? param.device, copy: true), param.requires_grad);
                p.DetachFromDisposeScope();
                if (gradient is not null) {
                    using var moved = gradient.to(type, device ?? param.device, copy: true).with_requires_grad(gradient.requires_grad);
                    p.grad = moved;
                }
                return true;
            }

            protected static (Device device, ScalarType dtype) GetDefaultDeviceAndType(Device? device = null, ScalarType? dtype = null) =>
                (device ?? get_default_device(), dtype ?? get_default_dtype());

            // Whole numbers keep their type: only numbers with a fraction are converted.
            private static ScalarType Target(ScalarType? dtype, Tensor tensor) =>
                dtype is { } type && (tensor.is_floating_point() || tensor.is_complex()) ? type : tensor.dtype;

            private static void CheckType(ScalarType dtype)
            {
                if (!dtype.IsFloatingPoint() && !dtype.IsComplex())
                    throw new ArgumentException(
                        $"nn.Module.to only accepts floating point or complex types, but got desired dtype={dtype}");
            }

            private bool AssignProperty(string name, Tensor? value)
            {
                if (GetType().GetProperty(name, BindingFlags.Public | BindingFlags.Instance) is not { CanWrite: true } property)
                    return false;
                property.SetValue(this, value);
                return true;
            }

            private void AssignField(string name, Tensor? value) => Fields().FirstOrDefault(f => f.ComponentName() == name)?.SetValue(this,
                value);
        }
    }
}
